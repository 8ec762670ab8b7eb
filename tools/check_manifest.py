"""Checks a package.xml as XML, with catkin_pkg's strict parser, and with xmllint where it is."""

import shutil
import subprocess
import sys
from xml.etree import ElementTree

from catkin_pkg.package import InvalidPackage, parse_package


def main(path: str) -> int:
    warnings: list[str] = []
    try:
        ElementTree.parse(path)
        parse_package(path, warnings=warnings)
    except (ElementTree.ParseError, InvalidPackage) as error:
        warnings.append(str(error))
    if shutil.which("xmllint"):
        result = subprocess.run(["xmllint", "--noout", "--nonet", path], check=False)
        warnings += ["xmllint refuses it"] if result.returncode else []
    else:
        print("xmllint is not installed (sudo apt-get install libxml2-utils); parsed without it")
    for warning in warnings:
        print(f"{path}: {warning}", file=sys.stderr)
    return bool(warnings)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
