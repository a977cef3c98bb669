#include "runtime/chat/jinja/write_value.h"
#include "runtime/chat/jinja/python_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace cadenza::jinja {
namespace {

constexpr int maxDepth = 200; // of what is written
constexpr size_t maxBytes = size_t{64} << 20;

void checkDepth(int depth, size_t bytes) {
  if (depth > maxDepth)
    fail("a value is nested too deeply to be written");
  if (bytes > maxBytes)
    fail("a value takes more than " + std::to_string(maxBytes) + " bytes as text");
}

/// repr of a float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on.
std::string reprOfFloat(double number) {
  if (std::isnan(number))
    return "nan";
  if (std::isinf(number))
    return number < 0 ? "-inf" : "inf";
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, std::chars_format::scientific).ptr;
  const std::string_view scientific(digits, static_cast<size_t>(end - digits));
  const size_t e = scientific.find('e');
  const int exponent = std::stoi(std::string(scientific.substr(e + 1)));
  if (exponent < -4 || exponent >= 16)
    return std::string(scientific); // two digits of exponent, at least, as Python
  const auto fixedEnd = std::to_chars(digits, digits + sizeof digits, number, std::chars_format::fixed).ptr;
  std::string fixed(digits, static_cast<size_t>(fixedEnd - digits));
  return fixed.find('.') == std::string::npos ? fixed + ".0" : fixed;
}

std::string hexEscape(char32_t point) {
  char text[16];
  const char *format = point < 0x100 ? "\\x%02x" : point < 0x10000 ? "\\u%04x" : "\\U%08x";
  std::snprintf(text, sizeof text, format, static_cast<unsigned>(point));
  return text;
}

void appendRepr(std::string &text, const Value &value, int depth);

void appendItems(std::string &text, const std::vector<Value> &items, int depth) {
  for (size_t i = 0; i < items.size(); ++i) {
    text += i ? ", " : "";
    appendRepr(text, items[i], depth);
  }
}

void appendSequence(std::string &text, const Sequence &sequence, int depth) {
  switch (sequence.kind) {
  case Sequence::Kind::List:
    text += '[';
    appendItems(text, sequence.items, depth);
    text += ']';
    return;
  case Sequence::Kind::Tuple:
    text += '(';
    appendItems(text, sequence.items, depth);
    text += sequence.items.size() == 1 ? ",)" : ")";
    return;
  case Sequence::Kind::Keys:
  case Sequence::Kind::Values:
  case Sequence::Kind::Items:
    text += sequence.kind == Sequence::Kind::Keys     ? "dict_keys(["
            : sequence.kind == Sequence::Kind::Values ? "dict_values(["
                                                      : "dict_items([";
    appendItems(text, sequence.items, depth);
    text += "])";
    return;
  case Sequence::Kind::Range:
  case Sequence::Kind::Iterator:
    unsupported(std::string("a ") + (sequence.isIterator() ? "generator" : "range") +
                " is not written as text; make a list of it");
  }
}

void appendDict(std::string &text, const Dict &dict, int depth) {
  text += '{';
  for (size_t i = 0; i < dict.entries.size(); ++i) {
    text += i ? ", " : "";
    appendRepr(text, dict.entries[i].first, depth);
    text += ": ";
    appendRepr(text, dict.entries[i].second, depth);
  }
  text += '}';
}

void appendRepr(std::string &text, const Value &value, int depth) {
  checkDepth(depth, text.size());
  switch (value.kind()) {
  case Kind::Undefined:
    text += "Undefined";
    return;
  case Kind::None:
    text += "None";
    return;
  case Kind::Boolean:
    text += value.boolean() ? "True" : "False";
    return;
  case Kind::Integer:
    text += std::to_string(value.integer());
    return;
  case Kind::Float:
    text += reprOfFloat(value.number());
    return;
  case Kind::Text:
    text += value.text().isMarkup ? "Markup(" + reprOfText(value.text().bytes) + ")" : reprOfText(value.text().bytes);
    return;
  case Kind::Sequence:
    return appendSequence(text, value.sequence(), depth + 1);
  case Kind::Dict:
    return appendDict(text, value.dict(), depth + 1);
  case Kind::Namespace: {
    text += "<Namespace {";
    bool first = true;
    for (const auto &[name, field] : value.space().fields) {
      text += std::exchange(first, false) ? "" : ", ";
      text += reprOfText(name) + ": ";
      appendRepr(text, field, depth + 1);
    }
    text += "}>";
    return;
  }
  case Kind::Loop:
    text += "<LoopContext " + std::to_string(value.loop().index + 1) + "/" +
            std::to_string(value.loop().items->size()) + ">";
    return;
  case Kind::Callable:
    unsupported("the function " + value.callable().name + " is not written as text; was its call forgotten?");
  }
}

class JsonWriter {
public:
  explicit JsonWriter(const JsonStyle &style) : style_(style) {}

  void write(const Value &value, int depth) {
    checkDepth(depth, text.size());
    switch (value.kind()) {
    case Kind::None:
      text += "null";
      return;
    case Kind::Boolean:
      text += value.boolean() ? "true" : "false";
      return;
    case Kind::Integer:
      text += std::to_string(value.integer());
      return;
    case Kind::Float:
      text += number(value.number());
      return;
    case Kind::Text:
      return writeText(value.text().bytes);
    case Kind::Dict:
      return writeDict(value.dict(), depth);
    case Kind::Sequence:
      if (value.sequence().kind == Sequence::Kind::List || value.sequence().kind == Sequence::Kind::Tuple)
        return writeList(value.sequence().items, depth);
      break;
    default:
      break;
    }
    fail("object of type " + typeName(value) + " is not JSON serializable" +
         (value.isUndefined() ? " (" + value.undefined().message + ")" : ""));
  }

  std::string text;

private:
  static std::string number(double value) {
    return std::isnan(value) ? "NaN" : std::isinf(value) ? (value < 0 ? "-Infinity" : "Infinity") : reprOfFloat(value);
  }

  void newLine(int depth) {
    if (!style_.indent)
      return;
    text += '\n';
    for (int i = 0; i < depth; ++i)
      text += *style_.indent;
  }

  void writeList(const std::vector<Value> &items, int depth) {
    text += '[';
    for (size_t i = 0; i < items.size(); ++i) {
      text += i ? style_.itemSeparator : "";
      newLine(depth + 1);
      write(items[i], depth + 1);
    }
    if (!items.empty())
      newLine(depth);
    text += ']';
  }

  void writeDict(const Dict &dict, int depth) {
    std::vector<std::pair<std::string, const Value *>> entries;
    for (const auto &[key, value] : dict.entries)
      entries.emplace_back(keyText(key), &value);
    if (style_.sortKeys) {
      if (std::any_of(dict.entries.begin(), dict.entries.end(),
                      [](const auto &entry) { return !entry.first.isText(); }))
        unsupported("tojson with sort_keys of a dict whose keys are no texts");
      std::stable_sort(entries.begin(), entries.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
    }
    text += '{';
    for (size_t i = 0; i < entries.size(); ++i) {
      text += i ? style_.itemSeparator : "";
      newLine(depth + 1);
      writeText(entries[i].first);
      text += style_.keySeparator;
      write(*entries[i].second, depth + 1);
    }
    if (!entries.empty())
      newLine(depth);
    text += '}';
  }

  static std::string keyText(const Value &key) {
    switch (key.kind()) {
    case Kind::Text:
      return key.text().bytes;
    case Kind::None:
      return "null";
    case Kind::Boolean:
      return key.boolean() ? "true" : "false";
    case Kind::Integer:
      return std::to_string(key.integer());
    case Kind::Float:
      return number(key.number());
    default:
      fail("a key of JSON must be a text, a number, a boolean or None, not " + typeName(key));
    }
  }

  void writeText(std::string_view value) {
    text += '"';
    for (std::string_view character : characters(value)) {
      const char32_t point = codePoint(character);
      static constexpr std::string_view escaped = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
      if (const size_t at = point < 0x80 ? escaped.find(static_cast<char>(point)) : std::string_view::npos;
          at != std::string_view::npos) {
        text += '\\';
        text += letters[at];
      } else if (point < 0x20 || (style_.ensureAscii && point > 0x7e)) {
        writeEscape(point);
      } else {
        text += character;
      }
    }
    text += '"';
  }

  void writeEscape(char32_t point) {
    const auto write = [this](unsigned unit) {
      char buffer[8];
      std::snprintf(buffer, sizeof buffer, "\\u%04x", unit);
      text += buffer;
    };
    if (point < 0x10000)
      return write(point);
    write(0xd800 + ((point - 0x10000) >> 10));
    write(0xdc00 + ((point - 0x10000) & 0x3ff));
  }

  const JsonStyle &style_;
};

} // namespace

std::string reprOfText(std::string_view text) {
  const bool doubleQuoted = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = doubleQuoted ? '"' : '\'';
  std::string result(1, quote);
  for (std::string_view character : characters(text)) {
    const char32_t point = codePoint(character);
    if (point == static_cast<unsigned char>(quote) || point == '\\')
      (result += '\\') += static_cast<char>(point);
    else if (point == '\n' || point == '\r' || point == '\t')
      (result += '\\') += point == '\n' ? 'n' : point == '\r' ? 'r' : 't';
    else if (isPrintable(point))
      result += character;
    else
      result += hexEscape(point);
  }
  return result + quote;
}

std::string stringOf(const Value &value) {
  if (value.isText())
    return value.text().bytes;
  return value.isUndefined() ? std::string() : reprOf(value);
}

std::string reprOf(const Value &value) {
  std::string text;
  appendRepr(text, value, 0);
  return text;
}

std::string jsonOf(const Value &value, const JsonStyle &style) {
  JsonWriter writer(style);
  writer.write(value, 0);
  return std::move(writer.text);
}

} // namespace cadenza::jinja
