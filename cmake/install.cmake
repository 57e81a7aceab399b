# make install: program, manual page, completions, static and shared library, headers, pkg-config
# file, examples, licence.
if(TARGET topwork)
  install(TARGETS topwork)

  # what the program itself knows to print: file name, arguments, where to
  set(tw_printed "")
  macro(tw_print file destination)
    set(printed ${PROJECT_BINARY_DIR}/share/${file})
    add_custom_command(OUTPUT ${printed} COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/share
                       COMMAND topwork ${ARGN} > ${printed} DEPENDS topwork)
    list(APPEND tw_printed ${printed})
    install(FILES ${printed} DESTINATION ${destination})
  endmacro()
  tw_print(topwork.1 ${CMAKE_INSTALL_MANDIR}/man1 --print-man)
  tw_print(topwork ${CMAKE_INSTALL_DATADIR}/bash-completion/completions completion bash)
  tw_print(_topwork ${CMAKE_INSTALL_DATADIR}/zsh/site-functions completion zsh)
  add_custom_target(printed ALL DEPENDS ${tw_printed})
endif()
install(TARGETS topwork_static topwork_shared)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tw DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples DESTINATION ${CMAKE_INSTALL_DATADIR}/topwork)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

# the file finds its prefix by its own place, so that `cmake --install --prefix` may choose any
file(RELATIVE_PATH TW_PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/topwork.pc.in ${PROJECT_BINARY_DIR}/topwork.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/topwork.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
include(${CMAKE_CURRENT_LIST_DIR}/package.cmake)
