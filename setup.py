"""Installs the Python code for hosts without ROS; with ROS, CMakeLists.txt does, with messages."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def requirements() -> list[str]:
    files = [HERE / f"requirements/{half}.txt" for half in ("nodes", "offline")]
    lines = [line for file in files for line in file.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


setup(
    name="jcc_ros",
    version="0.1.0",
    description="Joint compression and classification for robots on thin links",
    author="jcc_ros maintainers",
    author_email="maintainers@jcc-ros.org",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["jcc_ros", "jcc_ros.*"]),
    package_data={"jcc_ros": ["py.typed", "evaluation/*.jinja"]},
    # Bags without definitions are read with these; with ROS, ament puts them there as well.
    data_files=[("share/jcc_ros/msg", [str(f.relative_to(HERE)) for f in HERE.glob("msg/*.msg")])],
    install_requires=requirements(),
    extras_require={"dask": ["dask[distributed]>=2023.5"]},
    entry_points={"console_scripts": ["jcc = jcc_ros.commands.cli:main"]},
)
