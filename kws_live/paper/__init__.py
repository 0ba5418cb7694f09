"""The founding experiment: ten words, 13 MFCC, three convolutions; reproducible."""
