# Finds GoogleTest: the installed one, or Debian's package libgtest-dev unpacked into the build
# directory (which needs no root), or stops with the name of the package to install.
find_package(GTest QUIET)
if(NOT GTest_FOUND)
    set(unpacked ${CMAKE_BINARY_DIR}/googletest)
    find_program(APT_GET apt-get)
    find_program(DPKG dpkg-deb)
    if(APT_GET AND DPKG AND NOT EXISTS ${unpacked}/usr)
        message(STATUS "GoogleTest is not installed: unpacking Debian's libgtest-dev")
        file(MAKE_DIRECTORY ${unpacked}/lists/partial)
        # A package list of our own: the system's may be empty, and only root could fill it.
        set(apt ${APT_GET} -q -o Dir::State::Lists=${unpacked}/lists
            -o Dir::Cache=${unpacked} -o APT::Sandbox::User=)
        execute_process(COMMAND ${apt} update OUTPUT_QUIET ERROR_QUIET)
        execute_process(COMMAND ${apt} download libgtest-dev WORKING_DIRECTORY ${unpacked}
            OUTPUT_QUIET ERROR_QUIET)
        file(GLOB package ${unpacked}/libgtest-dev_*.deb)
        if(package)
            execute_process(COMMAND ${DPKG} -x ${package} ${unpacked})
        endif()
    endif()
    # The package's CMake files have the real library directory in them, lib/<architecture>.
    file(GLOB_RECURSE config ${unpacked}/usr/lib/*/GTestConfig.cmake)
    if(config)
        get_filename_component(GTest_DIR ${config} DIRECTORY)
        set(GTest_DIR ${GTest_DIR} CACHE PATH "" FORCE)
    endif()
    find_package(GTest QUIET)
    if(NOT GTest_FOUND)
        message(FATAL_ERROR
            "GoogleTest was not found: install the package libgtest-dev (Debian: apt-get install libgtest-dev)")
    endif()
endif()
