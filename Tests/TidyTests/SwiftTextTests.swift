import Testing

/// The other checks see only what this reader leaves visible.
@Suite struct SwiftTextTests {
    @Test(arguments: [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (#"x = "a { b" + y"#, #"x =         + y"#),
        (#"x = "a\"b" + y"#, #"x =        + y"#),
        (#"f("a \(g("}") + 1) b", h)"#, #"f(    (g(   ) + 1)   , h)"#),
        ("x = #\"a\"b\\(c)\"# + y", "x =             + y"),
        ("x = #\"a\\#(b)\"# + y", "x =      (b)   + y"),
        ("f(#\"\"\"\"#, g)", "f(      , g)"),
        ("#if os(Linux)", "#if os(Linux)"),
        ("x = \"\" + y", "x =    + y"),
        ("x = \"\"\"\n  { \"quoted\"\n  \"\"\" + y", "x =    \n            \n      + y"),
    ])
    func onlyCodeStaysVisible(source: String, expected: String) {
        #expect(String(decoding: SwiftText(source).code, as: UTF8.self) == expected)
    }

    @Test func wordsAreFoundWholeAndWithTheirLine() {
        let text = SwiftText("let retry = 1\n// try one\ntry two()\nsprint(1)\nprint(2)")
        #expect(text.positions(of: "try").map(text.line(of:)) == [3])
        #expect(text.positions(of: "print(").map(text.line(of:)) == [5])
        #expect(SwiftText("").positions(of: "try").isEmpty)
    }
}
