#include "runtime/support/printable.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

TEST(Printable, EscapesWhatGarblesATerminal) {
  EXPECT_EQ(printable("a\x1b[31m\x7f\b\r"), "a\\u001b[31m\\u007f\\u0008\\u000d");
  EXPECT_EQ(printable("\xc2\x80\xc2\x9b\xc2\x9f"), "\\u0080\\u009b\\u009f"); // C1
  EXPECT_EQ(printable("\xe2\x80\xae.exe\xe2\x80\xac \xe2\x81\xa6\xe2\x81\xa9"), "\\u202e.exe\\u202c \\u2066\\u2069");
  EXPECT_EQ(printable("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\xa8"), "\\u061c\\u200e\\u200f\\u2028");
}

TEST(Printable, KeepsAllElse) {
  for (const char *text :
       {"", "plain\n\ttext", "Ġthe naïve 文字 🙂 עברית", "\xc2\xa0\xe2\x80\x8d\xe2\x82\xac", "\xc2", "\xe2\x80"})
    EXPECT_EQ(printable(text), text);
}

} // namespace
} // namespace cadenza
