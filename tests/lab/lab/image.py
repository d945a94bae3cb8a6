"""The kernel and the initramfs that a virtual machine boots.

Made of Debian packages that are downloaded and unpacked, never installed. Owns the cache folder;
knows nothing of scenarios. The initramfs is written in the `newc` format of the kernel's
Documentation/driver-api/early-userspace/buffer-format.rst, so neither cpio nor root is needed.
"""
import lzma
import os
import re
import shutil
import stat
import subprocess

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GUEST = os.path.join(HERE, "guest")
# All packages together are 110 MB; more is a mistake in guest/packages.txt.
DOWNLOAD_MAX_BYTES = 300_000_000
DOWNLOAD_MAX_SECONDS = 300
# XZ magic, and where an uncompressed kernel begins.
XZ = b"\xfd7zXZ\x00"
ELF = b"\x7fELF"
# Places of programs and libraries within the packages.
PROGRAM_DIRS = ("usr/sbin", "sbin", "usr/bin", "bin")
LIBRARY_DIRS = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "usr/lib", "lib")


class ImageError(Exception):
    """What is missing to build the image, and what to do about it."""


def words(name):
    """Words of a list in guest/, without comments."""
    with open(os.path.join(GUEST, name), encoding="utf-8") as lines:
        return [word for line in lines for word in line.split("#")[0].split()]


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        raise ImageError(f"{' '.join(command[:4])} ... failed ({done.returncode}): {done.stderr.strip()[-800:]}")
    return done.stdout


class Image:
    """`kernel` and `initrd` are paths, made anew only when a package, a list or the agent changed."""

    def __init__(self, cache, agent):
        self.cache = cache
        self.agent = agent
        self.tree = os.path.join(cache, "packages")
        self.kernel = os.path.join(cache, "vmlinux")
        self.initrd = os.path.join(cache, "initrd")

    def build(self):
        os.makedirs(self.cache, exist_ok=True)
        try:
            self._unpack_packages()
        except ImageError:
            # The lists of packages may be missing, or older than what the archive has now.
            if os.geteuid() != 0:
                raise
            run(["apt-get", "-qq", "update"], timeout=DOWNLOAD_MAX_SECONDS)
            self._unpack_packages()
        self._unpack_kernel()
        self._write_initrd()

    # Packages

    def _package_names(self):
        """Named packages, the kernel that the metapackage stands for, and all libraries they need."""
        named = words("packages.txt")
        closure = run(["apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests",
                       "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances", *named])
        names = {line for line in closure.splitlines() if line[:1].isalnum()}
        kernels = [name for name in names if re.fullmatch(r"linux-image-[0-9].*", name)]
        if not kernels:
            raise ImageError("no package linux-image-* is known: run apt-get update")
        keep = set(named) | set(kernels)
        keep |= {name for name in names if name.startswith(("lib", "zlib")) and not re.search("perl|python", name)}
        keep.discard("linux-image-amd64")
        return sorted(keep)

    def _unpack_packages(self):
        names = self._package_names()
        plan = run(["apt-get", "--print-uris", "download", *names])
        files = re.findall(r"^'(\S+)' (\S+) (\d+)", plan, re.M)
        stamp = os.path.join(self.cache, "packages.list")
        wanted = "".join(f"{name}\n" for _, name, _ in sorted(files))
        if os.path.isdir(self.tree) and read(stamp) == wanted:
            return
        size = sum(int(length) for _, _, length in files)
        if len(files) < len(names) or size > DOWNLOAD_MAX_BYTES:
            raise ImageError(f"{len(files)} of {len(names)} packages in {size} bytes: not what was expected")
        shutil.rmtree(self.tree, ignore_errors=True)
        debs = os.path.join(self.cache, "debs")
        os.makedirs(debs, exist_ok=True)
        run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *names], cwd=debs,
            timeout=DOWNLOAD_MAX_SECONDS)
        for deb in sorted(os.listdir(debs)):
            run(["dpkg", "-x", os.path.join(debs, deb), self.tree])
        shutil.rmtree(debs)
        for heavy in ("usr/share/doc", "usr/share/man", "usr/share/locale"):
            shutil.rmtree(os.path.join(self.tree, heavy), ignore_errors=True)
        self.release_dependencies()
        write(stamp, wanted)
        for made in (self.kernel, self.initrd):
            if os.path.exists(made):
                os.unlink(made)

    @property
    def release(self):
        """The kernel's release, as its modules' folder is named."""
        return sorted(os.listdir(os.path.join(self.tree, "lib/modules")))[-1]

    def release_dependencies(self):
        """modules.dep, by the depmod that was unpacked; kmod is told by the name it is called by."""
        libraries = os.pathsep.join(os.path.join(self.tree, place) for place in LIBRARY_DIRS)
        run(["depmod", "-b", self.tree, self.release], executable=os.path.join(self.tree, "bin/kmod"),
            env={"LD_LIBRARY_PATH": libraries})

    # Kernel

    def _unpack_kernel(self):
        """The kernel inside of vmlinuz: QEMU starts it by its PVH note, and unpacks nothing slowly."""
        if os.path.exists(self.kernel):
            return
        with open(os.path.join(self.tree, "boot", f"vmlinuz-{self.release}"), "rb") as file:
            packed = file.read()
        at = packed.find(XZ)
        if at < 0:
            raise ImageError("the kernel is not packed with xz any more: see lab/image.py")
        kernel = lzma.LZMADecompressor().decompress(packed[at:])
        if not kernel.startswith(ELF):
            raise ImageError("what is packed in vmlinuz is no ELF kernel: see lab/image.py")
        with open(self.kernel + ".new", "wb") as file:
            file.write(kernel)
        os.rename(self.kernel + ".new", self.kernel)

    # Initramfs

    def _write_initrd(self):
        made_of = [self.agent, self.kernel, os.path.abspath(__file__), os.path.join(HERE, "lab")]
        made_of += [os.path.join(GUEST, name) for name in os.listdir(GUEST)]
        if os.path.exists(self.initrd):
            age = os.path.getmtime(self.initrd)
            if all(os.path.getmtime(path) < age for path in made_of):
                return
        tree = {}
        self._add_programs(tree)
        self._add_modules(tree)
        for name in os.listdir(GUEST):
            tree["lab/" + name] = os.path.join(GUEST, name)
        tree["init"] = os.path.join(GUEST, "init")
        tree["usr/bin/hostwatch"] = self.agent
        self._add_libraries(tree, self.agent)
        for name in ("netconfig", "services", "protocols", "sensors3.conf", "nfs.conf"):
            if os.path.exists(os.path.join(self.tree, "etc", name)):
                tree["etc/" + name] = os.path.join(self.tree, "etc", name)
        cpio(tree, self.initrd + ".new")
        os.rename(self.initrd + ".new", self.initrd)

    def _add_programs(self, tree):
        for name in words("programs.txt"):
            places = [os.path.join(self.tree, place, name) for place in PROGRAM_DIRS]
            found = next((path for path in places if os.path.lexists(path)), None)
            if found is None and name == "sh":
                tree["usr/bin/sh"] = "-> bash"
                continue
            if found is None:
                raise ImageError(f"no package of guest/packages.txt has the program {name}")
            tree["usr/bin/" + name] = self._resolved(found)
            self._add_libraries(tree, self._resolved(found))
        for name in ("modprobe", "insmod", "rmmod", "lsmod"):
            tree["usr/bin/" + name] = "-> kmod"
        for name in ("pvcreate", "vgcreate", "lvcreate", "lvconvert", "lvextend", "lvchange", "vgchange", "lvs", "vgs", "pvs"):
            tree["usr/bin/" + name] = "-> lvm"
        for name in ("thin_check", "thin_dump", "thin_repair"):
            tree["usr/bin/" + name] = "-> pdata_tools"

    def _resolved(self, path):
        """Where a link within the packages leads to, itself within the packages."""
        for _ in range(8):
            if not os.path.islink(path):
                return path
            target = os.readlink(path)
            if target.startswith("/"):
                path = os.path.join(self.tree, target[1:])
            else:
                path = os.path.normpath(os.path.join(os.path.dirname(path), target))
        raise ImageError(f"{path}: links in a circle")

    def _add_libraries(self, tree, program):
        """Every library that a program is linked against (DT_NEEDED), and theirs."""
        with open(program, "rb") as file:
            if file.read(4) != ELF:
                return
        dynamic = run(["readelf", "-Wdl", program])
        needed = re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)
        needed += [os.path.basename(loader) for loader in re.findall(r"interpreter: (\S+)\]", dynamic)]
        for name in needed:
            if "usr/lib/" + name in tree:
                continue
            places = [os.path.join(self.tree, place, name) for place in LIBRARY_DIRS]
            places += [os.path.join(self.tree, "usr/lib/x86_64-linux-gnu/systemd", name)]
            found = next((path for path in places if os.path.lexists(path)), None)
            if found is None:
                raise ImageError(f"{program} needs {name}, which no package of guest/packages.txt has")
            tree["usr/lib/" + name] = self._resolved(found)
            self._add_libraries(tree, self._resolved(found))

    def _add_modules(self, tree):
        base = os.path.join(self.tree, "lib/modules", self.release)
        paths, needs = {}, {}
        for line in read(os.path.join(base, "modules.dep")).splitlines():
            path, _, after = line.partition(":")
            name = os.path.basename(path).split(".ko")[0].replace("-", "_")
            paths[name] = path
            needs[path] = after.split()
        wanted = set()
        for name in words("modules.txt"):
            path = paths.get(name.replace("-", "_"))
            if path is None:
                if name.replace("-", "_") in read(os.path.join(base, "modules.builtin")).replace("-", "_"):
                    continue
                raise ImageError(f"the kernel {self.release} has no module {name}")
            wanted.update([path, *needs[path]])
        for path in wanted:
            tree[f"usr/lib/modules/{self.release}/{path}"] = os.path.join(base, path)
        for name in os.listdir(base):
            if name.startswith("modules."):
                tree[f"usr/lib/modules/{self.release}/{name}"] = os.path.join(base, name)


def read(path):
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def cpio(tree, target):
    """Writes an archive: path -> file to copy, or `-> link`. /bin, /sbin and /lib lead to /usr."""
    tree = dict(tree)
    for name in ("bin", "sbin", "lib", "lib64"):
        tree[name] = "-> usr/" + ("bin" if "bin" in name else "lib")
    tree["usr/sbin"] = "-> bin"
    folders = {"dev", "proc", "sys", "run", "tmp", "etc", "mnt", "root", "var/lib", "var/log"}
    folders |= {os.path.dirname(path) for path in tree}
    for path in list(folders):
        while path:
            folders.add(path)
            path = os.path.dirname(path)
    folders.discard("")
    with open(target, "wb") as out:
        number = 1

        def entry(name, mode, data=b"", device=(0, 0)):
            nonlocal number
            name = name.encode() + b"\0"
            fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0]
            head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
            out.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))
            number += 1

        for path in sorted(folders):
            entry(path, stat.S_IFDIR | (0o1777 if path == "tmp" else 0o755))
        # The kernel opens this before anything is mounted.
        entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
        for path, source in sorted(tree.items()):
            if source.startswith("-> "):
                entry(path, stat.S_IFLNK | 0o777, source[3:].encode())
                continue
            with open(source, "rb") as file:
                data = file.read()
            executable = data.startswith((ELF, b"#!")) or path.startswith("usr/lib/")
            entry(path, stat.S_IFREG | (0o755 if executable else 0o644), data)
        entry("TRAILER!!!", 0)
