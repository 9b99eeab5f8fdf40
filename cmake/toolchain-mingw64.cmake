# Builds for 64-bit Windows with Debian's gcc-mingw-w64-x86-64. Of its two variants this takes the
# one with Windows' own threads: the other one needs a libwinpthread. Everything is linked
# statically, so that a program needs no DLL that Windows does not have.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(target x86_64-w64-mingw32)

find_program(EXECPORT_MINGW_GCC NAMES ${target}-gcc-win32 ${target}-gcc REQUIRED)
set(CMAKE_C_COMPILER ${EXECPORT_MINGW_GCC})
set(CMAKE_RC_COMPILER ${target}-windres)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")

# Headers and libraries come from the compiler's own tree and from CMAKE_PREFIX_PATH, never from
# the machine that builds; programs from nowhere else than that machine.
set(CMAKE_FIND_ROOT_PATH /usr/${target} ${CMAKE_PREFIX_PATH})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
