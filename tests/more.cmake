# Programs and tests that are not one file of one room: the examples, the tests of the program, each
# public header alone in C11 and C++17.
add_executable(make_data cli/make_data.c)
add_executable(run_pty cli/run_pty.c)
find_library(TW_UTIL_LIBRARY util) # forkpty, where it is not in libc
if(TW_UTIL_LIBRARY)
  target_link_libraries(run_pty PRIVATE ${TW_UTIL_LIBRARY})
endif()
foreach(example classify train)
  add_executable(example_${example} ${PROJECT_SOURCE_DIR}/examples/${example}.c)
  target_link_libraries(example_${example} PRIVATE topwork_static)
endforeach()
if(TARGET topwork)
  add_test(NAME cli COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/cli/run.sh ${PROJECT_BINARY_DIR}
                            ${PROJECT_BINARY_DIR}/junit/cli-all.xml)
  set_tests_properties(cli PROPERTIES TIMEOUT 900 ENVIRONMENT "TW_SHARED=${TW_SHARED}")
endif()

add_test(NAME header COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/header/run.sh ${PROJECT_SOURCE_DIR}/include
                             ${PROJECT_BINARY_DIR}/junit/header-all.xml)
set_tests_properties(header PROPERTIES ENVIRONMENT "CC=${CMAKE_C_COMPILER}")

add_subdirectory(fuzz)
