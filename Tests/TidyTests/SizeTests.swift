import Testing

@Suite struct SizeTests {
    @Test func nothingIsTooLarge() throws {
        let checkout = Checkout()
        var files = try checkout.swiftFiles(in: ["Sources", "Tests"])
        files += try checkout.allFiles().filter { $0.path == "Package.swift" }
        #expect(files.count > 100)
        #expect(files.flatMap(SizeRules.violations) == [])
    }

    @Test func functionsOfTheCheckoutAreSeen() throws {
        let file = try #require(
            try Checkout().swiftFiles(in: ["Tests/TidyTests"]).first { $0.path.hasSuffix("/SizeTests.swift") })
        let functions = SizeRules.functions(in: SwiftText(file.text))
        let own = try #require(functions.first { $0.name == "func functionsOfTheCheckoutAreSeen" })
        #expect((6...12).contains(own.lines))
    }

    @Test func longFileIsFound() {
        let fits = SourceFile(path: "A.swift", text: String(repeating: "a\n", count: 500))
        #expect(SizeRules.violations(in: fits) == [])
        let long = SourceFile(path: "A.swift", text: String(repeating: "a\n", count: 501))
        #expect(SizeRules.violations(in: long) == ["A.swift: 501 lines, at most 500: split it by what its parts are for"])
    }

    @Test func longLineIsFound() {
        let fits = SourceFile(path: "A.swift", text: "//" + String(repeating: "x", count: 138))
        #expect(SizeRules.violations(in: fits) == [])
        let long = SourceFile(path: "A.swift", text: "\n//" + String(repeating: "x", count: 139))
        #expect(SizeRules.violations(in: long) == ["A.swift:2: 141 characters, at most 140: wrap the line"])
    }

    @Test(arguments: [
        "func long() {", "init() {", "init?(text: String) {", "deinit {", "subscript(index: Int) -> Int {",
        "func long(a: () -> Void = { }) async throws(E) -> [Int] where A == B {",
        "func long(\n    a: Int\n) {",
    ])
    func longFunctionIsFound(signature: String) {
        func file(_ lines: Int) -> SourceFile {
            let body = Array(repeating: "    f(\"}\") // }", count: lines - signature.split(separator: "\n").count - 1)
            let text = "struct A {\n" + ([signature] + body + ["}"]).joined(separator: "\n") + "\n}\n"
            return SourceFile(path: "A.swift", text: text)
        }
        #expect(SizeRules.violations(in: file(70)) == [])
        let found = SizeRules.violations(in: file(71))
        #expect(found.count == 1)
        #expect(found.first?.contains("has 71 lines, at most 70") == true)
    }

    @Test func requirementsAndCallsAreNoFunctions() {
        let text = """
            protocol A {
                func one() throws -> Int
                var two: Int { get }
                init(three: Int)
            }
            struct B {
                let initial = 1
                func four() { self.init(three: 1) }
            }
            """
        #expect(SizeRules.functions(in: SwiftText(text)).map(\.name) == ["func four"])
    }
}
