# execport_sources(OUT FOLDER): the C files of a folder that belong to this platform, by suffix.
function(execport_sources out folder)
  file(GLOB all CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.c)
  if(WIN32)
    list(FILTER all EXCLUDE REGEX "_(unix|linux|epoll)\\.c$")
  else()
    list(FILTER all EXCLUDE REGEX "_win\\.c$")
  endif()
  set(${out} ${all} PARENT_SCOPE)
endfunction()

# execport_library(NAME [LIBS...] [FOLDER PATH] [EXCLUDE STEMS...]): the static library
# execport_NAME of the folder PATH (NAME unless told), without the files named by EXCLUDE.
function(execport_library name)
  cmake_parse_arguments(arg "" "FOLDER" "EXCLUDE" ${ARGN})
  if(NOT arg_FOLDER)
    set(arg_FOLDER ${name})
  endif()
  execport_sources(sources ${arg_FOLDER})
  foreach(stem IN LISTS arg_EXCLUDE)
    list(REMOVE_ITEM sources ${PROJECT_SOURCE_DIR}/${arg_FOLDER}/${stem}.c)
  endforeach()
  if(NOT sources)
    set(sources ${PROJECT_SOURCE_DIR}/cmake/empty.c)
  endif()
  add_library(execport_${name} STATIC ${sources})
  target_include_directories(execport_${name} PUBLIC
    ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(execport_${name} PUBLIC ${arg_UNPARSED_ARGUMENTS})
endfunction()

# execport_program(NAME SOURCES...): an executable; on Windows with the manifest that all share.
function(execport_program name)
  add_executable(${name} ${ARGN})
  if(WIN32)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:execport_manifest>)
  endif()
  if(MSVC)
    target_link_options(${name} PRIVATE /MANIFEST:NO)
  endif()
endfunction()

if(WIN32)
  enable_language(RC)
  add_library(execport_manifest OBJECT ${PROJECT_SOURCE_DIR}/cmake/execport.rc)
  target_include_directories(execport_manifest PRIVATE ${PROJECT_SOURCE_DIR}/cmake)
  set_property(SOURCE ${PROJECT_SOURCE_DIR}/cmake/execport.rc PROPERTY OBJECT_DEPENDS
    ${PROJECT_SOURCE_DIR}/cmake/execport.manifest)
endif()

configure_file(${PROJECT_SOURCE_DIR}/cmake/version.h.in
  ${PROJECT_BINARY_DIR}/generated/execport_version.h)
