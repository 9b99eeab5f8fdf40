# Flags that every target gets: the warnings that are errors, hardening, sanitizers.

# gcc and clang, on Linux and for Windows.
macro(execport_flags_gnu)
  add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wformat=2 -Wimplicit-fallthrough)
  if(EXECPORT_WERROR)
    add_compile_options(-Werror)
  endif()
  add_compile_options(-fstack-protector-strong -fno-omit-frame-pointer)
  if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT EXECPORT_SANITIZE)
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  endif()
  if(WIN32)
    # mingw-w64 has the functions behind both hardenings in a library that this option links.
    add_link_options(-fstack-protector-strong -Wl,--dynamicbase,--nxcompat,--high-entropy-va)
  else()
    add_compile_definitions(_GNU_SOURCE)
    add_link_options(-Wl,-z,relro,-z,now)
  endif()
  string(REPLACE "-O3" "-O2" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
  string(APPEND CMAKE_C_FLAGS_RELEASE " -g1")
endmacro()

# MSVC 17.5 and later: C11 atomics are an experiment there. What /W4 says beyond the warnings of gcc
# is left out: initialisers of C99 that it calls extensions (4204, 4221), constant conditions
# (4127), padding that was asked for (4324), and narrowing, which -Wall -Wextra allows (4242, 4244,
# 4245, 4267).
macro(execport_flags_msvc)
  add_compile_options(/experimental:c11atomics /utf-8 /W4 /wd4204 /wd4221 /wd4127 /wd4324 /wd4242
    /wd4244 /wd4245 /wd4267)
  if(EXECPORT_WERROR)
    add_compile_options(/WX)
  endif()
  add_compile_options(/GS /guard:cf)
  add_link_options(/guard:cf /DYNAMICBASE /NXCOMPAT /HIGHENTROPYVA)
  # The names of the C library and of POSIX that Microsoft would rather see replaced.
  add_compile_definitions(_CRT_SECURE_NO_WARNINGS _CRT_NONSTDC_NO_WARNINGS)
endmacro()

if(MSVC)
  execport_flags_msvc()
else()
  execport_flags_gnu()
endif()
if(WIN32)
  add_compile_definitions(_WIN32_WINNT=0x0A00 UNICODE _UNICODE WIN32_LEAN_AND_MEAN NOMINMAX)
endif()

# Assertions guard our own mistakes; they stay on in every build.
foreach(kind RELEASE RELWITHDEBINFO MINSIZEREL)
  string(REGEX REPLACE "[-/]DNDEBUG" "" CMAKE_C_FLAGS_${kind} "${CMAKE_C_FLAGS_${kind}}")
endforeach()

# How much slower than a release the tests run here: their time limits are multiplied by it.
set(EXECPORT_SLOWNESS 1)
if(EXECPORT_SANITIZE)
  add_compile_options(-fsanitize=${EXECPORT_SANITIZE} -fno-sanitize-recover=all -g -O1)
  if(WIN32)
    # mingw-w64 has no runtime of the sanitizers: what is undefined ends the program at once.
    add_compile_options(-fsanitize-undefined-trap-on-error)
  else()
    add_link_options(-fsanitize=${EXECPORT_SANITIZE})
  endif()
  set(EXECPORT_SLOWNESS 2)
  if(EXECPORT_SANITIZE MATCHES "thread")
    set(EXECPORT_SLOWNESS 3)
  endif()
endif()
if(CMAKE_CROSSCOMPILING_EMULATOR)
  math(EXPR EXECPORT_SLOWNESS "${EXECPORT_SLOWNESS} * 2")
endif()
if(EXECPORT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
