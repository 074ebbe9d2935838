"""Everything that needs torch: language model, reward model, policy, and the child process."""
