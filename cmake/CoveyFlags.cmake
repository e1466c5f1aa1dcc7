# One interface target carries the flags of every line of C that we wrote.
add_library(covey_flags INTERFACE)
target_compile_definitions(covey_flags INTERFACE _GNU_SOURCE)
target_compile_options(covey_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
  -Wmissing-prototypes -Wswitch-enum -Wvla -Wformat=2 -Wundef -Werror
  -fstack-protector-strong)
target_include_directories(covey_flags INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>
  $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/gen>)

if(COVEY_SANITIZE)
  # signed-integer-overflow and friends must stop the test, not scroll past.
  target_compile_options(covey_flags INTERFACE -fsanitize=${COVEY_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(covey_flags INTERFACE -fsanitize=${COVEY_SANITIZE})
else()
  target_compile_options(covey_flags INTERFACE
    $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2> -fstack-clash-protection)
  target_link_options(covey_flags INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
endif()
if(COVEY_FUZZ)
  # Count edges everywhere, or the fuzzer would search blindly.
  target_compile_options(covey_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(covey_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(COVEY_COVERAGE)
  target_compile_options(covey_flags INTERFACE --coverage)
  target_link_options(covey_flags INTERFACE --coverage)
endif()
