"""The keystore floor as a library of others: installed headers, the CMake package, the pkg-config file, and the examples
that stand on top of the headers, compiled and run as they stand there."""
import os
import re
import subprocess
import tempfile
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.dirname(os.path.realpath(os.environ.get("CHANCERY_BIN", os.path.join(SOURCE, "build", "bin"))))

# What an example takes for granted, and what it must have done.
PROGRAM = """
#include <fstream>
#include <iostream>
#include <iterator>
%(includes)s
using namespace chancery;
static SecretBytes file(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
int main(int, char** argv) {
  const SecretBytes bytes = file(argv[1]);
  const SecretBytes password = secret_copy("changeit");
  const Certificate root = read_material(view_of(file(argv[2])), {.source = argv[2]}).certificates.at(0);
  const std::int64_t now_ms = 1'700'000'000'000;
%(example)s
  std::ofstream(argv[3], std::ios::binary).write(reinterpret_cast<const char*>(sealed.data()),
                                                 static_cast<std::streamsize>(sealed.size()));
}
"""


def example_of(header):
    """The indented lines of the comment on top of a header."""
    with open(os.path.join(SOURCE, header)) as file:
        lines = file.read().split("#pragma once")[0].splitlines()
    return "\n".join(line[2:] for line in lines if re.match(r"//   \S", line))


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="chancery-library-")
        cls.prefix = os.path.join(cls.folder.name, "prefix")
        run("cmake", "--install", BUILD, "--component", "development", "--prefix", cls.prefix)
        work = cls.folder.name
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", "/CN=Corp Root", "-keyout", f"{work}/root.key", "-out", f"{work}/root.pem")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", "/CN=Other Root", "-keyout", f"{work}/other.key", "-out", f"{work}/other.pem")
        run("keytool", "-importcert", "-noprompt", "-alias", "other", "-file", f"{work}/other.pem", "-keystore",
            f"{work}/store", "-storepass", "changeit", "-storetype", "JKS")
        with open(f"{work}/example.cpp", "w") as file:
            file.write(PROGRAM % {
                "includes": "#include <keystore/java/java_keystore.h>\n#include <keystore/x509/material.h>",
                "example": example_of("keystore/java/java_keystore.h")})

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def expect_example_works(self, program):
        work = self.folder.name
        run(program, f"{work}/store", f"{work}/root.pem", f"{work}/written")
        listed = run("keytool", "-list", "-keystore", f"{work}/written", "-storepass", "changeit")
        self.assertIn("corp-root,", listed)
        self.assertIn("other,", listed)

    def test_by_pkg_config(self):
        work = self.folder.name
        found = run("find", self.prefix, "-name", "chancery-keystore.pc").strip()
        flags = run("pkg-config", "--cflags", "--libs", "chancery-keystore",
                    env={**os.environ, "PKG_CONFIG_PATH": os.path.dirname(found)}).split()
        run("g++", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"{work}/example.cpp", *flags, "-o", f"{work}/by-pc")
        self.expect_example_works(f"{work}/by-pc")

    def test_by_cmake(self):
        work = self.folder.name
        project = f"{work}/project"
        os.makedirs(project)
        with open(f"{project}/CMakeLists.txt", "w") as file:
            file.write("cmake_minimum_required(VERSION 3.25)\nproject(example CXX)\n"
                       "find_package(chancery-keystore 0.1 REQUIRED)\n"
                       f"add_executable(example {work}/example.cpp)\n"
                       "target_link_libraries(example PRIVATE chancery::keystore)\n")
        run("cmake", "-S", project, "-B", f"{project}/build", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", f"{project}/build")
        self.expect_example_works(f"{project}/build/example")

    def test_every_installed_header_stands_alone(self):
        include = os.path.join(self.prefix, "include", "chancery")
        headers = [os.path.relpath(os.path.join(folder, name), include)
                   for folder, _, names in os.walk(include) for name in names]
        self.assertGreater(len(headers), 15)
        together = "".join(f"#include <{header}>\n" for header in sorted(headers))
        run("g++", "-std=c++20", "-fsyntax-only", f"-I{include}", "-x", "c++", "-", input=together)
        for header in headers:
            with open(os.path.join(include, header)) as file:
                for needed in re.findall(r'#include "([^"]+)"', file.read()):
                    self.assertIn(needed, headers, f"{header} includes it")


if __name__ == "__main__":
    unittest.main()
