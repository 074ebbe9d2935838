"""Scripts that build what lies in ``assets/``; not part of the installed package."""
