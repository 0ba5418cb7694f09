"""From recordings to a trained model: data sets, augmentation, networks, trainer, export."""
