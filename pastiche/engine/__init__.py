"""Neural style transfer: tensors in, tensors out. It needs only torch, numpy, Pillow, safetensors
and h5py."""
