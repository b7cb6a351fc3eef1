"""Neural style transfer: tensors in, tensors out; torch, torchvision, numpy, Pillow and no more."""
