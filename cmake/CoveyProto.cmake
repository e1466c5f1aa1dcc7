# protoc-c runs in the build; what it writes stays in the build folder.
find_program(PROTOC_C protoc-c REQUIRED)
function(covey_proto_generate out_sources)
  set(sources)
  foreach(proto ${ARGN})
    get_filename_component(stem ${proto} NAME_WE)
    set(out ${CMAKE_BINARY_DIR}/gen/proto/${stem}.pb-c)
    add_custom_command(
      OUTPUT ${out}.c ${out}.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/gen
      COMMAND ${PROTOC_C} --proto_path=${CMAKE_SOURCE_DIR}
              --c_out=${CMAKE_BINARY_DIR}/gen proto/${proto}
      DEPENDS ${CMAKE_SOURCE_DIR}/proto/${proto}
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} VERBATIM)
    list(APPEND sources ${out}.c)
  endforeach()
  set(${out_sources} ${sources} PARENT_SCOPE)
endfunction()

covey_proto_generate(gen_sources event.proto wire.proto control.proto store.proto swim.proto snapshot.proto)
add_library(covey_pb OBJECT ${gen_sources})
target_include_directories(covey_pb PUBLIC ${CMAKE_BINARY_DIR}/gen)
target_compile_options(covey_pb PRIVATE -w)
if(COVEY_SANITIZE)
  target_compile_options(covey_pb PRIVATE -fsanitize=${COVEY_SANITIZE})
endif()
add_custom_target(covey_gen DEPENDS ${gen_sources})
add_dependencies(covey_gen covey_pb)
set_property(GLOBAL APPEND PROPERTY COVEY_ROOMS covey_pb)
