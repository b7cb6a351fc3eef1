"""Neural style transfer: tensors in, tensors out; torch, numpy, Pillow, safetensors, h5py, and no
more."""
