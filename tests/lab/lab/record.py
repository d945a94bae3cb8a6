"""Captures of the lab as text: one file a machine, so that a change of it can be read.

`== PATH` begins a file, its lines follow; `== PATH -> TARGET` is a link, `== PATH/` a folder with
nothing in it, `== PATH ~` a file whose last line has no end. `=> STATE ID: SUMMARY` are the
verdicts, written by tests/it/lab_captures.rs, which reads these files.
"""
import io
import os
import tarfile


# Of rates one moment says nothing, so the files of processors, memory and disks' use are left out.
LEFT_OUT = ("proc/stat", "proc/vmstat", "proc/meminfo", "proc/loadavg", "proc/diskstats", "proc/pressure/memory")


def as_text(title, packed):
    """A capture that tar packed, as text; files that are no text are refused."""
    parts = [f"# {title}\n"]
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = sorted(archive.getmembers(), key=lambda member: member.name)
        names = [member.name for member in members]
        for member in members:
            path = os.path.relpath(member.name, "capture")
            if path in LEFT_OUT:
                continue
            if member.issym():
                parts.append(f"== {path} -> {member.linkname}\n")
            elif member.isdir():
                if not any(name.startswith(member.name + "/") for name in names):
                    parts.append(f"== {path}/\n")
            else:
                text = archive.extractfile(member).read().decode("utf-8")
                unfinished = text != "" and not text.endswith("\n")
                parts.append(f"== {path}{' ~' if unfinished else ''}\n{text}" + ("\n" if unfinished else ""))
    return "".join(parts)
