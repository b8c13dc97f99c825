"""Faults in what is kept of people's files, and in the processes that decode them."""

from bench.fault import Change, Fault

_MEDIA = "tests/contract/media/"

FILES = (
    Fault(
        name="a trimmed video keeps the frames that its edit list hides",
        changes=[
            Change(
                path="bot/media/probe.py",
                old="hides = self.hidden_frames or self.hidden_sound",
                new="hides = False",
            ),
        ],
        tests=[_MEDIA + "test_real_files.py", "-k", "trimmed"],
    ),
    Fault(
        name="a trimmed video keeps its hidden sound",
        changes=[
            Change(
                path="bot/media/probe.py",
                old="hides = self.hidden_frames or self.hidden_sound",
                new="hides = self.hidden_frames",
            ),
        ],
        tests=[_MEDIA + "test_real_files.py", "-k", "trimmed"],
    ),
    Fault(
        name="deleting a video leaves its copies",
        changes=[
            Change(
                path="bot/media/store.py",
                old="                copy.unlink(missing_ok=True)\n",
                new="                del copy\n",
            ),
        ],
        tests=[_MEDIA + "test_retention.py", "-k", "deleting"],
    ),
    Fault(
        name="what is still needed is removed when the folder is too large",
        changes=[
            Change(
                path="bot/media/purge.py",
                old=" and not _is_needed(file.path, needed):",
                new=":",
            ),
        ],
        tests=[_MEDIA + "test_retention.py", "-k", "oldest"],
    ),
    Fault(
        name="a full disk removes what is in work",
        changes=[
            Change(
                path="bot/media/store.py",
                old="self._clock.now(), needed)",
                new="self._clock.now(), frozenset())",
            ),
        ],
        tests=[_MEDIA + "test_retention.py", "-k", "in_work"],
    ),
    Fault(
        name="only what is made from files needs them, not what changes a video",
        changes=[
            Change(
                path="bot/storage/files_in_work.py",
                old="if row.parent_id is not None}",
                new="if False}",
            ),
        ],
        tests=["tests/contract/storage/test_erasing.py", "-k", "in_work and sqlite"],
    ),
    Fault(
        name="new requests are taken on while our own disk is full",
        changes=[
            Change(
                path="bot/services/admission.py",
                old="if self.ports.room.full:",
                new="if False:",
            ),
        ],
        tests=["tests/unit/services/test_room.py", "-k", "paid_for"],
    ),
    Fault(
        name="looks wait behind encodes",
        changes=[
            Change(
                path="bot/media/engine.py",
                old="pool = self._long if long else self._short",
                new="pool = self._long",
            ),
        ],
        tests=[_MEDIA + "test_worker_limits.py", "-k", "looks_do_not_wait"],
    ),
    Fault(
        name="several pictures are decoded at once",
        changes=[
            Change(
                path="bot/media/engine.py",
                old="async with self._alone if job in _ALONE else contextlib.nullcontext():",
                new="async with contextlib.nullcontext():",
            ),
        ],
        tests=[_MEDIA + "test_worker_memory.py", "-k", "at_a_time"],
    ),
    Fault(
        name="a picture is copied although nothing is changed about it",
        changes=[
            Change(
                path="bot/media/worker/pictures.py",
                old='in_place = image.mode == "RGB" and not transparent',
                new="in_place = False",
            ),
        ],
        tests=[_MEDIA + "test_worker_memory.py", "-k", "in_memory_once"],
    ),
    Fault(
        name="HDR is shown as it is",
        changes=[
            Change(
                path="bot/media/worker/videos.py",
                old='colours = f":{_BT709}" if is_hdr(frame) else ""',
                new='colours = ""',
            ),
        ],
        tests=[_MEDIA + "test_real_files.py", "-k", "hdr"],
    ),
    Fault(
        name="the worker inherits the environment",
        changes=[
            Change(
                path="bot/media/engine.py",
                old="                env={\n",
                new="                env={\n                    **os.environ,\n",
            ),
        ],
        tests=[_MEDIA + "test_worker_limits.py", "-k", "environment"],
    ),
    Fault(
        name="a film copied out of Matroska loses its first frames",
        changes=[
            Change(
                path="bot/media/worker/videos.py",
                old="        if not packet.size:\n",
                new="        if not packet.size or packet.dts is None:\n",
            ),
        ],
        tests=[_MEDIA + "test_real_files.py", "-k", "h264_of_any"],
    ),
    Fault(
        name="a film copied from the middle of a live stream begins an hour late",
        changes=[
            Change(
                path="bot/media/worker/videos.py",
                old="            _advance(packet, start)\n",
                new="",
            ),
        ],
        tests=[_MEDIA + "test_real_files.py", "-k", "h264_of_any"],
    ),
)
