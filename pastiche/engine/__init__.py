"""Neural style transfer: tensors in, tensors out; torch, torchvision, numpy, Pillow,
safetensors, h5py, and no more."""
