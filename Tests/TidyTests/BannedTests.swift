import Testing

/// Words that are not used in `Sources`. A failure names what to write instead.
@Suite struct BannedTests {
    @Test func sourcesHaveNoBannedWord() throws {
        let files = try Checkout().swiftFiles(in: ["Sources"])
        #expect(files.count > 50)
        #expect(files.flatMap { file in BannedWord.all.flatMap { $0.violations(in: file) } } == [])
    }

    @Test func theOneReaderOfTheEnvironmentOutsideOfSettingsReadsPathOnly() throws {
        let word = "ProcessInfo.processInfo.environment"
        let file = try #require(
            try Checkout().swiftFiles(in: ["Sources"]).first { $0.path == BannedWord.pathOfChildren })
        let reads = file.text.split(separator: "\n").filter { $0.contains(word) }
        #expect(reads.count == 1, "an exception that nobody needs goes away")
        #expect(reads.allSatisfy { $0.contains(word + "[\"PATH\"]") })
    }

    @Test(arguments: [
        ("try!", "let a = try! f()", "throws"), ("fatalError(", "fatalError(\"why\")", "typed error"),
        ("print(", "print(1)", "Output.write"), ("print(", "Swift.print(1)", "Output.write"),
        ("print(", "let a = \"\\(print(1))\"", "Output.write"), ("debugPrint(", "{ debugPrint(1) }", "Logger"),
        ("@unchecked Sendable", "final class A: @unchecked Sendable {}", "Mutex"),
        ("nonisolated(unsafe)", "nonisolated(unsafe) var a = 1", "Mutex"),
        ("FIX" + "ME", "// FIX" + "ME later", "README"), ("TO" + "DO", "/* TO" + "DO */", "README"),
        ("ProcessInfo.processInfo.environment", "_ = ProcessInfo.processInfo.environment[\"A\"]", "Commands/Settings"),
        ("getenv(", "_ = getenv(\"A\")", "Commands/Settings"),
    ])
    func plantedWordIsFoundWithItsReplacement(word: String, line: String, replacement: String) throws {
        let file = SourceFile(path: "Sources/Domain/Planted.swift", text: "let first = 1\n\(line)\n")
        let found = BannedWord.all.flatMap { $0.violations(in: file) }
        #expect(found.count == 1)
        #expect(try #require(found.first).hasPrefix("Sources/Domain/Planted.swift:2: no `\(word)`: "))
        #expect(try #require(found.first).contains(replacement))
    }

    @Test(arguments: [
        "change.print(result, \"x\")", "func print(_ text: String) {}", "// print(1) and try! and fatalError(",
        "let text = \"try! print( @unchecked Sendable\"", "blueprint(1)", "final class A: Sendable {}",
        "let id = ProcessInfo.processInfo.processIdentifier",
    ])
    func harmlessLineIsNot(line: String) {
        let file = SourceFile(path: "Sources/Commands/Harmless.swift", text: line)
        #expect(BannedWord.all.flatMap { $0.violations(in: file) } == [])
    }

    @Test func settingsMayReadTheEnvironment() {
        let text = "let all = ProcessInfo.processInfo.environment"
        let file = SourceFile(path: "Sources/Commands/Settings/Settings.swift", text: text)
        #expect(BannedWord.all.flatMap { $0.violations(in: file) } == [])
    }
}
