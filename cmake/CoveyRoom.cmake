# covey_room(NAME LIBS...): every .c file of the folder becomes one object
# library, covey_NAME, which goes into libcovey. Libraries stay with the room
# that uses them; tools/check-layers watches who includes whom.
function(covey_room name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  if(NOT sources)
    return()
  endif()
  add_library(covey_${name} OBJECT ${sources})
  target_link_libraries(covey_${name} PUBLIC covey_flags ${ARGN})
  add_dependencies(covey_${name} covey_gen)
  set_property(GLOBAL APPEND PROPERTY COVEY_ROOMS covey_${name})
endfunction()
