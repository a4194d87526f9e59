"""Pure functions from trials to estimates, labels and ties; nothing here touches the machine.

Modules import `scipy` and name its parts where they call them, as in `scipy.special.ndtr`: SciPy
loads a part at its first use, so commands that analyse nothing start in half the time.
"""
