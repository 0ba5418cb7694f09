"""PyInstaller's own hook needs the metadata of ``webrtcvad``, which is installed here as ``webrtcvad-wheels``."""

from PyInstaller.utils.hooks import copy_metadata

datas = copy_metadata("webrtcvad-wheels")
