#!/bin/sh
# Make a Python 3.9 with L0Learn in the folder $1, on Debian: its newest wheel (0.4.3) is for 3.10 and no source is on
# PyPI. The interpreter comes from Debian 11 and is only unpacked, so nothing of the system changes.
# Then: export L0LEARN_PYTHON=$1/python
set -eu
if [ -x "$1/python" ] && "$1/python" -c "import l0learn"; then exit 0; fi
mkdir -p "$1"
cd "$1"
folder=$PWD
mkdir -p lists/partial archives/partial root
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bullseye main" >sources.list
apt() {
    apt-get -o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$folder/lists" -o Dir::Cache::archives="$folder/archives" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"
}
apt update
apt download python3.9 python3.9-minimal libpython3.9-minimal libpython3.9-stdlib libssl1.1 libffi7 libmpdec3 \
    python3-distutils/bullseye python3-lib2to3/bullseye
for package in *.deb; do dpkg -x "$package" root; done
cat >python <<END
#!/bin/sh
export PYTHONHOME=$folder/root/usr PYTHONPATH=$folder/site LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu
exec $folder/root/usr/bin/python3.9 "\$@"
END
chmod +x python
mkdir -p site
python3 -m pip install --no-deps --target site pip==25.3 # Debian's Python comes without, and later ones need 3.10
./python -m pip install --only-binary :all: --target site l0learn==0.4.3 numpy==1.26.4 scipy==1.13.1 pandas==2.2.3 matplotlib==3.9.4
