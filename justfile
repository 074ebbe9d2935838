# Recipes for all that one does often. `just` itself is optional: each line runs as it stands.

# Install everything into .venv
setup:
    python3 -m venv .venv
    .venv/bin/pip install -c constraints.txt -e '.[dev]'

# Open the app on the starter project
demo:
    .venv/bin/tuiprefs demo

# Run the tests
test *args:
    .venv/bin/pytest {{args}}

# Check style, types and floors
lint:
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/mypy
    .venv/bin/lint-imports

# Run what continuous integration runs
ci:
    .ci/run

# The whole loop with a simulated rater: sample, rate, train, blind test (about 12 minutes on two cores)
loop *args:
    .venv/bin/python tools/loop.py {{args}}

# Train the starter model anew from the music21 corpus (hours on two cores)
starter-model *args:
    .venv/bin/python tools/make_starter_model.py {{args}}

# Cut the folk font out of FluidR3_GM.sf2 (Debian: fluid-soundfont-gm)
soundfont sf2="/usr/share/sounds/sf2/FluidR3_GM.sf2":
    .venv/bin/python -m tools.make_soundfont {{sf2}}

# Take the pictures of the app in docs/figures
shot project="":
    .venv/bin/python tools/shot.py {{project}}

# Measure: render chain and starter model
bench *args:
    .venv/bin/python benchmarks/render.py {{args}}
    .venv/bin/python benchmarks/starter_model.py {{args}}
