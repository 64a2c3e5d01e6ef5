/// Which room may import which: six layers, imports only downwards, no stage imports another stage.
enum LayerRules {
    /// Every C library and the only module that may import it.
    static let ownersOfC = [
        "CLibpq": "Postgres", "CLibcurl": "Curl", "CLibargon2": "Keys", "CLibvips": "Vips",
    ]
    static let wrappers: Set = ["Postgres", "Curl", "Vips"]
    static let stages: Set = [
        "Keys", "Admission", "Ledger", "Queue", "Moderation", "Providers", "Images", "Callbacks", "Reports",
    ]
    static let faces: Set = ["API", "Console", "Simulator", "Commands"]
    static let programs: Set = ["zserve", "zadmin"]

    /// What each room may import of ours, C libraries aside. A folder of `Sources` that is not here has no place yet.
    static let mayImport: [String: Set<String>] = {
        var table: [String: Set<String>] = ["Domain": []]
        for wrapper in wrappers { table[wrapper] = [] }
        for stage in stages { table[stage] = wrappers.union(["Domain"]) }
        table["JobLife"] = stages.union(["Domain", "Postgres"])
        table["API"] = stages.union(["Domain", "Postgres", "JobLife"])
        table["Console"] = table["API"]
        // It plays somebody else's service, so of ours it has values, wrappers, and the sandbox that draws.
        table["Simulator"] = ["Domain", "Vips", "Curl", "Providers"]
        table["Commands"] = stages.union(wrappers).union(["Domain", "JobLife", "API", "Console", "Simulator"])
        for program in programs { table[program] = ["Commands"] }
        return table
    }()

    static var ours: Set<String> { Set(mayImport.keys).union(ownersOfC.keys) }

    /// Why a module may not import another, and where the code belongs instead; nil when it may.
    static func violation(_ module: String, imports imported: String) -> String? {
        guard let permitted = mayImport[module] else {
            return "Sources/\(module) has no place in the layers: add it to LayerRules and to the module map"
        }
        if let owner = ownersOfC[imported] {
            if owner == module { return nil }
            return "\(module) imports \(imported), which has one owner, \(owner): what touches its pointers belongs in "
                + "Sources/\(owner) behind a Swift function"
        }
        guard ours.contains(imported), !permitted.contains(imported) else { return pureDomain(module, imported) }
        return "\(module) imports \(imported): " + place(module, imported)
    }

    /// Values have no input or output, so not even Foundation.
    private static func pureDomain(_ module: String, _ imported: String) -> String? {
        guard module == "Domain" else { return nil }
        return "Domain imports \(imported): Domain is pure values; what needs \(imported) belongs in the stage that uses it"
    }

    private static func place(_ module: String, _ imported: String) -> String {
        switch module {
        case "Domain":
            "Domain is pure values; what needs \(imported) belongs in a stage or in Sources/JobLife"
        case _ where wrappers.contains(module):
            "a wrapper knows its C library and nothing of the product; what needs \(imported) belongs in a stage"
        case _ where stages.contains(module) && stages.contains(imported):
            "a stage knows no other stage; what needs both belongs in Sources/JobLife, a value of both in Sources/Domain"
        case _ where stages.contains(module):
            "a stage knows nothing above it; what needs \(imported) belongs in \(home(above: imported))"
        case "JobLife" where wrappers.contains(imported):
            "the order of the stages is no place for bytes; what needs \(imported) belongs in a stage"
        case "JobLife":
            "the life of a job knows no face; what needs \(imported) belongs in Sources/\(imported)"
        case _ where programs.contains(module):
            "a program only starts its command; what needs \(imported) belongs in Sources/Commands"
        case _ where imported == "Commands":
            "only the programs import Commands; what needs it belongs in Sources/Commands"
        default:
            "a face reaches it through a stage; what needs \(imported) belongs in a stage"
        }
    }

    private static func home(above imported: String) -> String {
        faces.contains(imported) ? "Sources/\(imported)" : "Sources/JobLife"
    }
}

/// The modules that a file imports, with their lines.
func imports(of text: SwiftText) -> [(module: String, line: Int)] {
    let words: Set<Substring> = [
        "public", "package", "internal", "fileprivate", "private", "@testable", "@preconcurrency", "@_exported",
    ]
    let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
    let lines = String(decoding: text.code, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    return lines.enumerated().flatMap { index, line in
        line.split(separator: ";").compactMap { statement -> (String, Int)? in
            var parts = statement.split { $0 == " " || $0 == "\t" }[...]
            while let first = parts.first, words.contains(first) { parts = parts.dropFirst() }
            guard parts.first == "import" else { return nil }
            parts = parts.dropFirst()
            if let kind = parts.first, kinds.contains(kind) { parts = parts.dropFirst() }
            guard let name = parts.first?.split(separator: ".").first else { return nil }
            return (String(name), index + 1)
        }
    }
}
