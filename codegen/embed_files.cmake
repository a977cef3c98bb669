# cmake -DOUTPUT=x.cpp -DFILES=a;b -P embed_files.cmake: device code as bytes of a C++ source file. A file keeps its
# name and that of its folder.
set(text "// Made by embed_files.cmake from codegen/kernels and runtime/shared.\n#include \"codegen/source.h\"\n\nnamespace {\n\n")
set(list "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  get_filename_component(folder ${file} DIRECTORY)
  get_filename_component(folder ${folder} NAME)
  string(MAKE_C_IDENTIFIER ${folder}_${name} identifier)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND text "constexpr unsigned char ${identifier}[] = {${bytes}};\n")
  string(APPEND list "      {\"${folder}/${name}\", {reinterpret_cast<const char *>(${identifier}), sizeof(${identifier})}},\n")
endforeach()
string(APPEND text "\n} // namespace\n\nconst std::vector<cadenza::SourceFile> &cadenza::deviceCode() {\n"
                   "  static const std::vector<SourceFile> files = {\n${list}  };\n  return files;\n}\n")
file(WRITE ${OUTPUT} "${text}")
