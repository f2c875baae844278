# Finds GoogleTest: the installed one, or Debian's package of it unpacked into the build directory
# (which needs no root), or stops with the name of the package to install. For another processor it
# is built from its sources, which Debian has in the package googletest.
set(DCN4J_UNPACKED ${CMAKE_BINARY_DIR}/googletest)

# Unpacks Debian's `package`, if there is one to be had.
function(dcn4j_unpack package)
    find_program(APT_GET apt-get)
    find_program(DPKG dpkg-deb)
    if(APT_GET AND DPKG AND NOT EXISTS ${DCN4J_UNPACKED}/usr)
        message(STATUS "GoogleTest is not installed: unpacking Debian's ${package}")
        file(MAKE_DIRECTORY ${DCN4J_UNPACKED}/lists/partial)
        # A package list of our own: the system's may be empty, and only root could fill it.
        set(apt ${APT_GET} -q -o Dir::State::Lists=${DCN4J_UNPACKED}/lists
            -o Dir::Cache=${DCN4J_UNPACKED} -o APT::Sandbox::User=)
        execute_process(COMMAND ${apt} update OUTPUT_QUIET ERROR_QUIET)
        execute_process(COMMAND ${apt} download ${package} WORKING_DIRECTORY ${DCN4J_UNPACKED}
            OUTPUT_QUIET ERROR_QUIET)
        file(GLOB archive ${DCN4J_UNPACKED}/${package}_*.deb)
        if(archive)
            execute_process(COMMAND ${DPKG} -x ${archive} ${DCN4J_UNPACKED})
        endif()
    endif()
endfunction()

function(dcn4j_not_found package)
    message(FATAL_ERROR "GoogleTest was not found: install the package ${package} "
        "(Debian: apt-get install ${package})")
endfunction()

if(CMAKE_CROSSCOMPILING)
    set(sources /usr/src/googletest)
    if(NOT EXISTS ${sources})
        dcn4j_unpack(googletest)
        set(sources ${DCN4J_UNPACKED}/usr/src/googletest)
    endif()
    if(NOT EXISTS ${sources})
        dcn4j_not_found(googletest)
    endif()
    set(BUILD_GMOCK OFF)
    set(INSTALL_GTEST OFF)
    add_subdirectory(${sources} ${CMAKE_BINARY_DIR}/googletest-build EXCLUDE_FROM_ALL)
    return()
endif()

find_package(GTest QUIET)
if(NOT GTest_FOUND)
    dcn4j_unpack(libgtest-dev)
    # The package's CMake files have the real library directory in them, lib/<architecture>.
    file(GLOB_RECURSE config ${DCN4J_UNPACKED}/usr/lib/*/GTestConfig.cmake)
    if(config)
        get_filename_component(GTest_DIR ${config} DIRECTORY)
        set(GTest_DIR ${GTest_DIR} CACHE PATH "" FORCE)
    endif()
    find_package(GTest QUIET)
    if(NOT GTest_FOUND)
        dcn4j_not_found(libgtest-dev)
    endif()
endif()
