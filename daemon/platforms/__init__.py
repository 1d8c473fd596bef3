"""The platforms: whoever bridges the caller's audio to the model.

`base.py` is all that the rooms above may know of one; each platform is a folder of its own beside it. Foreign
errors (httpx, trio-websocket, ssl, OSError) are turned into `errors.PlatformError` here and nowhere else.
"""
