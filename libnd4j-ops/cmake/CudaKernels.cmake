# The CUDA kernels, compiled by nvcc or, for tests on machines without a GPU, by the C++ compiler
# with test/cuda_emulation before CUDA's own headers.
set(DCN4J_CUDA_FOLDER ${PROJECT_SOURCE_DIR}/src/kernels/cuda)

# Adds the static library `name`. `language` is CUDA or CXX. Sources that are large are compiled
# once for each element type, so that no single one takes long.
function(dcn4j_cuda_kernels name language)
    set(sources deformable_aggregation.cu deformable_conv2d.cu deformable_conv2d_reference.cu deformable_psroi_pooling.cu
        deformable_psroi_pooling_reference.cu pointwise.cu prefix_sums.cu workspace.cu)
    list(TRANSFORM sources PREPEND ${DCN4J_CUDA_FOLDER}/)
    add_library(${name} STATIC ${sources})
    set(all ${sources})
    foreach(source deformable_conv2d_forward deformable_conv2d_backward)
        foreach(element float double Float16 BFloat16)
            set(part ${name}_${source}_${element})
            add_library(${part} OBJECT ${DCN4J_CUDA_FOLDER}/${source}.cu)
            target_compile_definitions(${part} PRIVATE DCN4J_ELEMENT=${element})
            target_link_libraries(${part} PRIVATE ${name}_flags)
            target_sources(${name} PRIVATE $<TARGET_OBJECTS:${part}>)
        endforeach()
        list(APPEND all ${DCN4J_CUDA_FOLDER}/${source}.cu)
    endforeach()
    target_link_libraries(${name} PUBLIC ${name}_flags)
    set_source_files_properties(${all} PROPERTIES LANGUAGE ${language})
endfunction()
