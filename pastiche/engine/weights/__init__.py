"""The weights files of the pretrained networks, without torch: `files` lists and checks them,
`fetch` downloads them, `vgg16` reads VGG-16's.

`python -m pastiche.engine.weights vgg16` fetches a file, as `pastiche weights vgg16` does. Nothing
else downloads weights, so no job waits for a download.
"""
