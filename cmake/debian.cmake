# What Debian's policy wants of a package and an installation elsewhere does not: run by CPack on the
# staged tree before it becomes topwork_VERSION_ARCH.deb. The manual page and the changelogs are
# compressed, the licence is named copyright.
set(share "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share")
set(doc "${share}/doc/topwork")
get_filename_component(source "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)

execute_process(COMMAND date -u -R -d ${CPACK_TOPWORK_DATE} OUTPUT_VARIABLE date
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
file(WRITE "${doc}/changelog"
"topwork (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * What changed for users is in CHANGELOG.md.gz beside this file.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
file(COPY "${source}/CHANGELOG.md" DESTINATION "${doc}")
execute_process(COMMAND gzip -9nf "${share}/man/man1/topwork.1" "${doc}/changelog" "${doc}/CHANGELOG.md"
                COMMAND_ERROR_IS_FATAL ANY)

string(SUBSTRING ${CPACK_TOPWORK_DATE} 0 4 year)
file(WRITE "${doc}/copyright"
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: topwork

Files: *
Copyright: ${year} topwork maintainers
License: Apache-2.0
 On Debian systems the text of the licence is in /usr/share/common-licenses/Apache-2.0.
")
file(REMOVE "${doc}/LICENSE")

# one package holds program, library and headers, so that it may bear the program's name
file(WRITE "${share}/lintian/overrides/topwork"
"topwork: package-name-doesnt-match-sonames
topwork: link-to-shared-library-in-wrong-package
topwork: pkg-config-unavailable-for-cross-compilation
")
