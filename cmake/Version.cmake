# Writes OUTPUT with the version and the commit of SOURCE ("unknown" outside a git checkout).
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define CADENZA_VERSION \"${VERSION}\"\n#define CADENZA_COMMIT \"${commit}\"\n")
