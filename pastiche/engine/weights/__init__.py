"""The pretrained networks' files, without torch: `files` has which there are and whether they are
whole, `fetch` downloads them, `vgg16` reads those of VGG-16.

`python -m pastiche.engine.weights vgg16` fetches one, as `pastiche weights vgg16` does. Nothing
else ever does: no job waits for a download.
"""
