"""The original experiment, reproducible: ten words, 13 MFCC, three convolutions."""
