# cmake -DTABLEGEN=EXE -DARGUMENTS=LIST -DDEFINITION=FILE.td -DINCLUDE=LIST -DOUTPUT=FILE -P generate.cmake
# Runs mlir-tblgen and makes plain Markdown of what it prints.
list(TRANSFORM INCLUDE PREPEND -I)
execute_process(COMMAND ${TABLEGEN} ${ARGUMENTS} ${DEFINITION} ${INCLUDE} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "^<!--[^\n]*-->" "<!-- Generated from ${DEFINITION} by the build target cadenza-docs: edit that. -->" text "${text}")
string(REPLACE "[TOC]\n\n" "" text "${text}")
string(REGEX REPLACE "\n\n\n+" "\n\n" text "${text}")
string(REGEX REPLACE "\n+$" "\n" text "${text}")
if(DEFINITION MATCHES "Passes")
  string(REGEX REPLACE "-->\n" "-->\n\n# Passes\n\nIn alphabetical order; `passes/Pipelines.cpp` has the order in which they run, and why.\n" text "${text}")
  string(REGEX REPLACE "### `-" "## `" text "${text}")
endif()
file(WRITE ${OUTPUT} "${text}")
