// Polynomials in canonical form, and what is known of symbols.
#include "compiler/import/onnx/shapes/symbols.h"

#include <gtest/gtest.h>

namespace cadenza::onnx {
namespace {

struct Polynomials : testing::Test {
  Symbols symbols;
  const Polynomial past = symbols.named("past"), seq = symbols.named("seq");

  std::string text(const Polynomial &polynomial) const { return symbols.text(polynomial); }
};

TEST_F(Polynomials, HaveOneForm) {
  EXPECT_EQ(text(past + 1), "past + 1");
  EXPECT_EQ(text(Polynomial(1) + past), "past + 1");
  EXPECT_EQ(text((past + 1) * (past - 1)), "past*past - 1");
  EXPECT_EQ(text(past * seq - seq * past), "0");
  EXPECT_EQ(text(past * -2 + seq * seq * past + 5), "past*seq*seq - 2*past + 5");
  EXPECT_EQ((past + seq) * (past + seq), past * past + seq * past * 2 + seq * seq);
  EXPECT_EQ(text(past - past * 3), "-2*past");
  EXPECT_FALSE(past == seq);
}

TEST_F(Polynomials, AreNumbersOrNot) {
  EXPECT_EQ(Polynomial().number(), 0);
  EXPECT_EQ((past - past + 7).number(), 7);
  EXPECT_EQ((past + 7).number(), std::nullopt);
  EXPECT_TRUE(Polynomial(-1).is(-1));
  EXPECT_FALSE(past.is(0));
}

TEST_F(Polynomials, SpreadWhatIsUnknown) {
  const Polynomial unknown = Polynomial::unknown();
  EXPECT_FALSE((unknown + 1).isKnown());
  EXPECT_FALSE((unknown * 0).isKnown());
  EXPECT_FALSE((unknown - unknown).isKnown());
  EXPECT_FALSE(unknown == unknown);
  EXPECT_EQ(unknown.number(), std::nullopt);
  EXPECT_EQ(text(unknown), "?");
}

TEST_F(Polynomials, DoNotOverflow) {
  EXPECT_FALSE((Polynomial(INT64_MAX) + 1).isKnown());
  EXPECT_FALSE((past * INT64_MAX * 2).isKnown());
  EXPECT_TRUE((Polynomial(INT64_MAX) + -1).isKnown());
  EXPECT_FALSE(Polynomial(INT64_MIN).dividedBy(-1).isKnown());
  EXPECT_EQ(text(Polynomial(INT64_MIN)), "-9223372036854775808");
  Polynomial power = past + seq + 1; // by squaring: more terms than a shape has
  for (int i = 0; i < 6; ++i)
    power = power * power;
  EXPECT_FALSE(power.isKnown());
}

TEST_F(Polynomials, Divide) {
  EXPECT_EQ(((past + 1) * 512).dividedBy(64), (past + 1) * 8);
  EXPECT_EQ(((past + 1) * (seq + 2) * 64).dividedBy((past + 1) * 64), seq + 2);
  EXPECT_FALSE((past + 1).dividedBy(2).isKnown());
  EXPECT_FALSE((past + 1).dividedBy(past).isKnown());
  EXPECT_FALSE(past.dividedBy(0).isKnown());
  EXPECT_EQ(Polynomial(0).dividedBy(past), Polynomial(0));
}

TEST_F(Polynomials, DivideRoundedDown) {
  EXPECT_EQ(text(symbols.floorDivide(7, 2)), "3");
  EXPECT_EQ(text(symbols.floorDivide(-7, 2)), "-4");
  EXPECT_EQ(text(symbols.floorDivide(past * 4 + 3, 4)), "past");
  EXPECT_EQ(text(symbols.floorDivide(past * 4 + 5, 4)), "past + 1");
  EXPECT_EQ(text(symbols.floorDivide(past + 5, 4)), "floor_divide(past + 1, 4) + 1");
  EXPECT_EQ(text(symbols.floorDivide(past - 1, 4)), "floor_divide(past + 3, 4) - 1");
  EXPECT_EQ(text(symbols.floorDivide(past, 2)), "floor_divide(past, 2)");
  EXPECT_FALSE(symbols.floorDivide(past, seq).isKnown()) << "seq may be 0";
  EXPECT_EQ(text(symbols.floorDivide(past * seq + past, seq + 1)), "past");
}

TEST_F(Polynomials, AreComparedByBounds) {
  EXPECT_EQ(text(symbols.minimum(past, past + 1)), "past");
  EXPECT_EQ(text(symbols.maximum(past, past + 1)), "past + 1");
  EXPECT_EQ(text(symbols.maximum(past, 0)), "past");
  EXPECT_EQ(text(symbols.minimum(past, 128)), "min(128, past)");
  EXPECT_EQ(symbols.minimum(128, past), symbols.minimum(past, 128));
  EXPECT_EQ(symbols.bounds(symbols.minimum(past, 128)).high, 128);
  EXPECT_TRUE(symbols.differ(past + 1, past));
  EXPECT_TRUE(symbols.differ(past + 1, 0));
  EXPECT_FALSE(symbols.differ(past, seq));
  EXPECT_FALSE(symbols.differ(past, 1));
}

TEST(Symbols, HaveLimits) {
  Symbols symbols({}, {{"past", 127}});
  const Polynomial past = symbols.named("past");
  EXPECT_EQ(symbols.text(symbols.minimum(past + 1, 128)), "past + 1");
  EXPECT_EQ(symbols.text(symbols.minimum(past + 2, 128)), "min(128, past + 2)");
}

TEST_F(Polynomials, Broadcast) {
  EXPECT_EQ(symbols.broadcast(1, past), past);
  EXPECT_EQ(symbols.broadcast(past, 1), past);
  EXPECT_EQ(symbols.broadcast(past, past), past);
  EXPECT_EQ(text(symbols.broadcast(past, 8)), "8") << "8 is not 1, so past is 8 or 1";
  EXPECT_EQ(text(symbols.broadcast(past + 2, seq)), "past + 2");
  const Polynomial either = symbols.broadcast(seq, past);
  EXPECT_EQ(text(either), "broadcast(past, seq)");
  EXPECT_EQ(symbols.broadcast(either, seq), either);
  EXPECT_EQ(symbols.broadcast(past, either), either);
}

TEST_F(Polynomials, HaveValues) {
  const auto at = [](int64_t past, int64_t seq) {
    return [=](SymbolId id) { return std::optional(id == 0 ? past : seq); };
  };
  const Polynomial everything = symbols.minimum(past, 128) * 2 + symbols.floorDivide(seq, 3) +
                                symbols.maximum(past, seq) + symbols.broadcast(past, seq);
  EXPECT_EQ(symbols.evaluate(everything, at(7, 10)), 14 + 3 + 10 + 7);
  EXPECT_EQ(symbols.evaluate(everything, at(1, 10)), 2 + 3 + 10 + 10);
  EXPECT_EQ(symbols.evaluate(everything, at(200, 1)), 256 + 0 + 200 + 200);
  EXPECT_EQ(symbols.evaluate(past * past, at(INT64_MAX, 0)), std::nullopt);
  EXPECT_EQ(symbols.evaluate(Polynomial::unknown(), at(1, 1)), std::nullopt);
  EXPECT_EQ(symbols.leaves(everything), (std::vector<SymbolId>{0, 1}));
}

TEST_F(Polynomials, AreRead) {
  EXPECT_EQ(symbols.read("past"), past);
  EXPECT_EQ(symbols.read("past + seq"), past + seq);
  EXPECT_EQ(symbols.read("2*(past+1) - seq * -3"), past * 2 + 2 + seq * 3);
  EXPECT_EQ(symbols.read("past // 2"), symbols.floorDivide(past, 2));
  EXPECT_EQ(symbols.read("Max(past, seq)"), symbols.maximum(past, seq));
  EXPECT_EQ(symbols.read("17"), Polynomial(17));
  for (const char *name :
       {"past +", "a b", "(past", "past)", "", "1past", "past/2", "f(past, seq)", "seq // past", "é"}) {
    EXPECT_EQ(symbols.parse(name), std::nullopt) << name;
    EXPECT_EQ(symbols.read(name), symbols.named(name)) << name;
  }
  EXPECT_EQ(symbols.parse(std::string(1000, '(')), std::nullopt);
  EXPECT_EQ(symbols.parse("99999999999999999999"), std::nullopt);
}

TEST(Symbols, AreReplaced) {
  Symbols symbols({{"batch", "1"}, {"total", "past + batch"}, {"a/b", "5"}});
  EXPECT_EQ(symbols.text(symbols.read("batch")), "1");
  EXPECT_EQ(symbols.text(symbols.read("total*2")), "2*past + 2*batch") << "what a value names is not replaced again";
  EXPECT_EQ(symbols.text(symbols.read("a/b")), "5");
}

TEST(Symbols, UnknownOnesAreAllDifferent) {
  Symbols symbols;
  const Polynomial a = symbols.unknown("here"), b = symbols.unknown("there");
  EXPECT_FALSE(a == b);
  EXPECT_EQ(symbols.text(a + b), "?1 + ?2");
  EXPECT_EQ(symbols[0].origin, "here");
}

} // namespace
} // namespace cadenza::onnx
