"""The deep denoising autoencoder (DDAE): training, checkpoints, and denoising without torch."""
