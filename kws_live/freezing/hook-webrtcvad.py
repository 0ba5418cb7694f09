"""PyInstaller's own hook asks for the metadata of ``webrtcvad``, which is installed as ``webrtcvad-wheels`` here."""

from PyInstaller.utils.hooks import copy_metadata

datas = copy_metadata("webrtcvad-wheels")
