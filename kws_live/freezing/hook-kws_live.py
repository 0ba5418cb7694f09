"""What PyInstaller does not find automatically: shipped models, the demo, the page, and modules named by strings."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

from kws_live.model.folders import shipped_models_folder

datas = [
    *collect_data_files("kws_live", excludes=["models", "freezing"]),
    (str(shipped_models_folder()), "kws_live/models"),
    *copy_metadata("kws-live"),
]
hiddenimports = [
    "kws_live.detection",
    "kws_live.spotter",
    "kws_live.listening",
    *collect_submodules("kws_live.sources"),
    *collect_submodules("kws_live.sinks"),
    *collect_submodules("kws_live.actions"),
    "kws_live.wyoming.server",
]
excludedimports = ["tensorflow", "keras"]  # for training
