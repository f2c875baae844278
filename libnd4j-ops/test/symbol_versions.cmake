# Fails if a library asks the C and C++ run-time libraries for newer symbols than another does: if
# ours runs not everywhere where ND4J's runs.
#
#   cmake -DOBJDUMP=objdump -DLIBRARY=libdcn4j-cpu.so -DLIMIT=libnd4jcpu.so -P symbol_versions.cmake
#
# The names of versions grow with the releases: GLIBC_2.27 is older than GLIBC_2.31.
cmake_minimum_required(VERSION 3.18)

# ND4J's library for linux-arm64 asks for libstdc++'s symbols without versions. GCC 8.3 built it, says
# its section .comment; that GCC's libstdc++ has these.
set(unversioned_GLIBCXX 3.4.25)
set(unversioned_CXXABI 1.3.11)

# Sets `result` to the newest version of the family `prefix` that `file` asks for, or to 0.
function(newest_version file prefix result)
    execute_process(COMMAND ${OBJDUMP} -p ${file} OUTPUT_VARIABLE headers RESULT_VARIABLE failed)
    if(failed OR NOT headers MATCHES "Version References:")
        message(FATAL_ERROR "${file}: ${OBJDUMP} shows no references to versions")
    endif()
    string(REGEX REPLACE ".*Version References:" "" references "${headers}")
    string(REGEX MATCHALL "[ \t]${prefix}_[0-9.]+" names "${references}")
    set(newest 0)
    foreach(name ${names})
        string(REGEX REPLACE ".*_" "" version ${name})
        if(version VERSION_GREATER newest)
            set(newest ${version})
        endif()
    endforeach()
    set(${result} ${newest} PARENT_SCOPE)
endfunction()

set(too_new "")
foreach(prefix GLIBC GLIBCXX CXXABI)
    newest_version(${LIBRARY} ${prefix} ours)
    newest_version(${LIMIT} ${prefix} limit)
    if(limit EQUAL 0 AND DEFINED unversioned_${prefix})
        set(limit ${unversioned_${prefix}})
    endif()
    message(STATUS "${prefix}: ${ours}, at most ${limit}")
    if(limit EQUAL 0 OR ours VERSION_GREATER limit)
        list(APPEND too_new "${prefix}_${ours} (limit ${limit})")
    endif()
endforeach()
if(too_new)
    message(FATAL_ERROR "${LIBRARY} asks for newer symbols than ${LIMIT}: ${too_new}. "
        "`nm -DC --with-symbol-versions` shows which; see src/backend/older_libstdcxx.cpp.")
endif()
