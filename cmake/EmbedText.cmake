# cmake -DOUTPUT=x.cpp -DFILE=page.html -DNAMESPACE=cadenza -DNAME=page -P EmbedText.cmake: a file as a C++ constant,
# `extern const std::string_view cadenza::page`.
file(READ ${FILE} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
file(WRITE ${OUTPUT} "// Made by EmbedText.cmake.\n#include <string_view>\n\nnamespace ${NAMESPACE} {\n"
                     "static constexpr char bytes[] = {${bytes}};\n"
                     "extern const std::string_view ${NAME};\n"
                     "const std::string_view ${NAME}(bytes, sizeof(bytes));\n} // namespace ${NAMESPACE}\n")
