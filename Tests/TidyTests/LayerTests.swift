import Testing

/// Who imports whom. A failure says where the code belongs.
@Suite struct LayerTests {
    private let checkout = Checkout()
    /// What every target may import without declaring it.
    private let toolchain: Set = ["Foundation", "Dispatch", "Synchronization", "Glibc", "Testing"]

    @Test func importsOnlyGoDownwards() throws {
        let files = try checkout.swiftFiles(in: ["Sources"])
        #expect(Set(files.map(\.module)).isSuperset(of: ["Domain", "Postgres", "JobLife", "API", "Commands"]))
        #expect(files.flatMap { layerViolations($0) } == [])
    }

    @Test func targetsImportOnlyWhatTheyDeclare() throws {
        let manifest = try manifest()
        let files = try checkout.swiftFiles(in: ["Sources", "Tests"])
        #expect(files.flatMap { undeclared($0, manifest) } == [])
    }

    @Test func everyFolderIsATargetOfThePackage() throws {
        let declared = Set(try manifest().dependencies.keys)
        let folders = Set(try checkout.swiftFiles(in: ["Sources", "Tests"]).map(\.module))
        #expect(folders.subtracting(declared) == [], "a folder without a target is never built")
    }

    @Test func apiKnowsTheDatabaseOnlyByItsErrors() throws {
        #expect(try checkout.swiftFiles(in: ["Sources"]).flatMap(databaseInAPI) == [])
    }

    // MARK: the checks themselves

    @Test(arguments: [
        ("Domain", "Postgres", "pure values"), ("Domain", "Foundation", "pure values"),
        ("Postgres", "Domain", "belongs in a stage"), ("Curl", "Postgres", "belongs in a stage"),
        ("Vips", "Images", "belongs in a stage"), ("Queue", "Ledger", "Sources/JobLife"),
        ("Keys", "Admission", "Sources/JobLife"), ("Callbacks", "JobLife", "Sources/JobLife"),
        ("Reports", "API", "Sources/API"), ("JobLife", "Curl", "belongs in a stage"),
        ("JobLife", "API", "Sources/API"), ("JobLife", "Commands", "Sources/Commands"),
        ("API", "Curl", "belongs in a stage"), ("API", "Commands", "Sources/Commands"),
        ("Commands", "CLibpq", "Sources/Postgres"), ("Ledger", "CLibpq", "Sources/Postgres"),
        ("Callbacks", "CLibcurl", "Sources/Curl"), ("Images", "CLibvips", "Sources/Vips"),
        ("Admission", "CLibargon2", "Sources/Keys"), ("zserve", "API", "Sources/Commands"),
        ("Attic", "Domain", "no place"),
    ])
    func upwardAndSidewaysImportsAreRefusedWithAPlace(module: String, imported: String, place: String) throws {
        let file = SourceFile(path: "Sources/\(module)/Planted.swift", text: "// why\nimport \(imported)\n")
        let found = layerViolations(file)
        #expect(found.count == 1)
        #expect(try #require(found.first).hasPrefix("Sources/\(module)/Planted.swift:2: "))
        #expect(try #require(found.first).contains(place))
    }

    @Test(arguments: [
        ("Postgres", "CLibpq"), ("Keys", "CLibargon2"), ("Queue", "Domain"), ("Queue", "Postgres"),
        ("Callbacks", "Curl"), ("Providers", "Vips"), ("JobLife", "Queue"), ("API", "JobLife"), ("API", "Keys"),
        ("Commands", "API"), ("Commands", "Vips"), ("zadmin", "Commands"), ("Queue", "Foundation"), ("API", "Hummingbird"),
    ])
    func downwardImportsArePermitted(module: String, imported: String) {
        #expect(LayerRules.violation(module, imports: imported) == nil)
    }

    @Test func everyFormOfImportIsSeenAndNothingElse() {
        let text = """
            import A
            public import B
            @testable import C
            @preconcurrency internal import struct D.Part
              private import E; import F
            // import Comment
            let text = "import Literal"
            important()
            """
        #expect(imports(of: SwiftText(text)).map(\.module) == ["A", "B", "C", "D", "E", "F"])
        #expect(imports(of: SwiftText(text)).map(\.line) == [1, 2, 3, 4, 5, 5])
    }

    @Test func undeclaredImportIsFound() {
        let manifest = PackageManifest(
            """
            let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
            .target(
                name: "Support", dependencies: ["Domain"], path: "Tests/Support"),
            library("Keys", ["Domain", "Postgres",
                crypto]),
            library("Domain"),
            tests("KeysTests", ["Keys"]),
            program("zserve"),
            """)
        #expect(
            manifest.dependencies == [
                "Keys": ["Domain", "Postgres", "Crypto"], "Domain": [], "KeysTests": ["Keys"], "Support": ["Domain"],
                "zserve": ["Commands", "ArgumentParser"],
            ])
        let planted = SourceFile(path: "Tests/KeysTests/Planted.swift", text: "import Keys\nimport Testing\nimport Domain")
        #expect(
            undeclared(planted, manifest) == [
                "Tests/KeysTests/Planted.swift:3: KeysTests imports Domain, which Package.swift does not declare for it"
            ])
    }

    @Test(arguments: [
        "public import Postgres\nfunc f(_ e: PostgresError) {}", "import Postgres\nlet a = 1",
        "import Postgres\nfunc f(_ e: PostgresError, _ p: ConnectionPool) {}",
        "import Postgres\nfunc f(_ e: PostgresError) { run(Statement(\"x\", \"y\")) }",
    ])
    func databaseInsideTheAPIIsFound(text: String) {
        #expect(databaseInAPI(SourceFile(path: "Sources/API/Planted.swift", text: text)).count == 1)
        #expect(databaseInAPI(SourceFile(path: "Sources/Reports/Planted.swift", text: text)).isEmpty)
    }

    // MARK: checks

    private func manifest() throws -> PackageManifest {
        let files = try checkout.allFiles()
        return PackageManifest(try #require(files.first { $0.path == "Package.swift" }).text)
    }

    private func layerViolations(_ file: SourceFile) -> [String] {
        imports(of: SwiftText(file.text)).compactMap { entry in
            LayerRules.violation(file.module, imports: entry.module).map { "\(file.path):\(entry.line): \($0)" }
        }
    }

    private func undeclared(_ file: SourceFile, _ manifest: PackageManifest) -> [String] {
        let declared = manifest.dependencies[file.module, default: []].union(toolchain)
        return imports(of: SwiftText(file.text)).filter { !declared.contains($0.module) }.map {
            "\(file.path):\($0.line): \(file.module) imports \($0.module), which Package.swift does not declare for it"
        }
    }

    /// The API tells an unreachable database from other failures, and that is all it knows of PostgreSQL.
    private func databaseInAPI(_ file: SourceFile) -> [String] {
        let text = SwiftText(file.text)
        guard file.module == "API", imports(of: text).contains(where: { $0.module == "Postgres" }) else { return [] }
        let forbidden = ["ConnectionPool", "Connection", "Session", "Statement", "Transaction", "Parameter", "Row"]
            .filter { word in text.positions(of: word).contains { isWhole(word, at: $0, in: text) } }
        let isPublic = !text.positions(of: "public import Postgres").isEmpty
        guard isPublic || !forbidden.isEmpty || text.positions(of: "PostgresError").isEmpty else { return [] }
        return ["\(file.path): API maps PostgresError and runs no SQL: what needs the database belongs in a stage"]
    }

    private func isWhole(_ word: String, at position: Int, in text: SwiftText) -> Bool {
        let end = position + word.utf8.count
        return end == text.code.count || !isNamePart(text.code[end])
    }
}
