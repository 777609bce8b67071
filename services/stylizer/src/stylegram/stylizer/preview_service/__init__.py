"""The instant preview as a service of its own, `python -m stylegram.stylizer preview`, without torch or a GPU.

It asks nobody but the folder of model files, and keeps nothing, so that there may be any number of it.
"""
