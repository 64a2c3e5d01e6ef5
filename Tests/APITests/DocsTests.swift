import Domain
import Foundation
import HTTPTypes
import JobLife
import TestSupport
import Testing

/// The document for programs says what this program does: its routes, its words and its limits are the same.
@Suite(.timeLimit(.minutes(5))) struct DocsTests {
    /// A value of the document, by names and places with slashes between.
    private struct Document {
        let root: [String: Any]

        init(_ api: APIFixture) async throws {
            let reply = try await api.send(.get, "/openapi.json")
            #expect(reply.status == 200 && reply.header("content-type") == "application/json")
            #expect(reply.header("cache-control") == "public, max-age=300")
            root = try reply.json()
        }

        subscript(_ path: String...) -> Any? {
            path.reduce(root as Any?) { value, name in
                if let list = value as? [Any], let index = Int(name) { return list.indices.contains(index) ? list[index] : nil }
                return (value as? [String: Any])?[name]
            }
        }

        func schema(_ name: String) throws -> [String: Any] {
            try #require(self["components", "schemas", name] as? [String: Any], "\(name)")
        }

        func field(_ schema: String, _ name: String) throws -> [String: Any] {
            try #require(self["components", "schemas", schema, "properties", name] as? [String: Any], "\(schema).\(name)")
        }

        /// The words of an enumeration, without those for nothing.
        func words(_ schema: [String: Any]) -> Set<String> {
            Set((schema["enum"] as? [Any] ?? []).compactMap { $0 as? String }.filter { !$0.isEmpty })
        }
    }

    @Test func theDocumentHasTheRouterRoutesAndNoOthers() async throws {
        try await withAPI { api in
            let document = try await Document(api)
            let paths = try #require(document["paths"] as? [String: [String: Any]])
            let documented = paths.flatMap { path, methods in methods.keys.map { "\($0.uppercased()) \(path)" } }
            // Names of models may have slashes in them, which paths of OpenAPI cannot say.
            let served = api.routes.map { $0.replacing("/**", with: "/{id}") }
            #expect(Set(documented).subtracting(served) == [], "documented and not served")
            #expect(Set(served).subtracting(documented) == [], "served and not documented")
            #expect(document["openapi"] as? String == "3.1.0")
            #expect(document["servers", "0", "url"] as? String == "http://127.0.0.1:8080")
        }
    }

    @Test func everyReferenceLeadsSomewhereAndEveryOperationHasAnExample() async throws {
        try await withAPI { api in
            let text = try await api.send(.get, "/openapi.json").text
            #expect(!text.contains("zimage.example"), "the address of the service is put in everywhere")
            let document = try await Document(api)
            for match in text.matches(of: /"\$ref": ?"#\/([^"]+)"/) {
                let value = match.output.1.split(separator: "/").reduce(document.root as Any?) { ($0 as? [String: Any])?[String($1)] }
                #expect(value != nil, "\(match.output.1)")
            }
            let paths = try #require(document["paths"] as? [String: [String: [String: Any]]])
            var names: Set<String> = []
            for (path, methods) in paths {
                for (method, operation) in methods {
                    let name = try #require(operation["operationId"] as? String)
                    #expect(names.insert(name).inserted, "two operations are called \(name)")
                    let samples = operation["x-codeSamples"] as? [[String: String]]
                    let sample = samples?.last?["source"] ?? ""
                    #expect(sample.contains("curl"), "\(method) \(path)")
                    let needsNoKey = (operation["security"] as? [Any])?.isEmpty == true
                    #expect(needsNoKey || sample.contains("$ZIMAGE_KEY"), "\(method) \(path)")
                }
            }
        }
    }

    @Test func itsWordsAreTheProgramsWords() async throws {
        try await withAPI { api in
            let document = try await Document(api)
            let formats = Set(ImageFormat.allCases.map(\.rawValue))
            let ratios = Set(AspectRatio.allCases.map(\.rawValue))
            func choice(_ schema: String) throws -> [String: Any] {
                try #require((try document.schema(schema)["anyOf"] as? [[String: Any]])?.first)
            }
            #expect(document.words(try document.schema("TaskStatus")) == Set(TaskState.allCases.map(\.rawValue)))
            #expect(document.words(try choice("UnifiedSize")) == ratios)
            #expect(document.words(try choice("OpenAISize")) == ratios.union(["auto"]))
            #expect(document.words(try document.schema("BillingRule")) == Set(BillingRule.allCases.map(\.rawValue)))
            #expect(document.words(try document.schema("Operation")) == Set(TaskOperation.allCases.map(\.rawValue)))
            for (schema, field) in [
                ("OpenAIRequest", "output_format"), ("OpenAIEditRequest", "output_format"), ("OpenAIEditForm", "output_format"),
                ("OpenAIImage", "output_format"), ("V3Request", "output_format"),
            ] {
                #expect(document.words(try document.field(schema, field)) == formats, "\(schema)")
            }
            // What the database has words for.
            for (schema, type) in [("LedgerAccount", "ledger_account"), ("TaskStatus", "task_state")] {
                #expect(document.words(try document.schema(schema)) == (try await api.words(of: type)), "\(type)")
            }
            let entry = document["components", "schemas", "UnifiedEntryList", "properties", "data", "items", "properties", "kind"]
            #expect(document.words(try #require(entry as? [String: Any])) == (try await api.words(of: "entry_kind")))
        }
    }

    @Test func itsLimitsAreTheProgramsLimits() async throws {
        try await withAPI { api in
            let document = try await Document(api)
            #expect(try document.schema("Prompt")["maxLength"] as? Int == Limits.promptCharactersMax)
            #expect(try document.field("TurboRequest", "prompt")["maxLength"] as? Int == Limits.promptCharactersMaxZImageTurbo)
            for (schema, low) in [("Seed", Int(Limits.seeds.lowerBound)), ("V3Seed", -1)] {
                let seed = try document.schema(schema)
                #expect(seed["minimum"] as? Int == low && seed["maximum"] as? Int == Int(Limits.seeds.upperBound), "\(schema)")
            }
            let strength = try document.schema("Strength")
            #expect(strength["minimum"] as? Double == ImageInputs.strengths.lowerBound)
            #expect(strength["maximum"] as? Double == ImageInputs.strengths.upperBound)
            #expect(try document.schema("CallbackURL")["maxLength"] as? Int == CustomerURL.charactersMax)
            let key = document["components", "parameters", "IdempotencyKey", "schema", "maxLength"]
            #expect(key as? Int == Limits.idempotencyKeyCharactersMax)
            let entries = document["components", "schemas", "UnifiedEntryList", "properties", "data", "maxItems"]
            #expect(entries as? Int == CreditAccess.pageMax)
            #expect("\(try document.schema("PictureURL"))".contains("\(Limits.inputFileBytesMax / 1024 / 1024) MiB, sides of 64 to 4096"))
            #expect(Limits.inputSidePixels == 64...4096)
            for (schema, sides, separator) in [
                ("UnifiedSize", Limits.sidePixels, "x"), ("OpenAISize", Limits.sidePixelsV3, "x"), ("V3Size", Limits.sidePixelsV3, "*"),
            ] {
                try Self.expect(try document.schema(schema), sides, separator)
            }
            for field in ["width", "height"] {
                let side = document["components", "schemas", "V3TextToImageRequest", "properties", "request", "properties", field]
                let range = try #require(side as? [String: Any])
                #expect(range["minimum"] as? Int == Limits.sidePixelsV3.lowerBound, "\(field)")
                #expect(range["maximum"] as? Int == Limits.sidePixelsV3.upperBound, "\(field)")
            }
        }
    }

    /// Every side that is permitted fits the pattern, and no other does.
    private static func expect(_ schema: [String: Any], _ sides: ClosedRange<Int>, _ separator: String) throws {
        let choices = schema["anyOf"] as? [[String: Any]] ?? [schema]
        let pattern = try Regex(try #require(choices.compactMap { $0["pattern"] as? String }.first))
        for side in 0...2000 {
            for text in ["\(side)\(separator)512", "512\(separator)\(side)"] {
                #expect((text.wholeMatch(of: pattern) != nil) == sides.contains(side), "\(text)")
            }
        }
        #expect("512\(separator)512\(separator)512".wholeMatch(of: pattern) == nil)
    }

    @Test func thePageTellsOfEveryRouteAndLoadsNothing() async throws {
        try await withAPI { api in
            let reply = try await api.send(.get, "/docs")
            #expect(reply.status == 200 && reply.header("content-type") == "text/html; charset=utf-8")
            #expect(reply.header("x-content-type-options") == "nosniff")
            let policy = try #require(reply.header("content-security-policy"))
            #expect(policy.hasPrefix("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"))
            let page = reply.text
            for route in api.routes {
                let words = route.replacing("/**", with: "/{id}").split(separator: " ")
                let method = words[0].lowercased()
                #expect(page.contains("<span class=\"method \(method)\">\(words[0])</span><span>\(words[1])</span>"), "\(route)")
            }
            for word in ["<script", "<link", "<img", "<iframe", "@import", "url(", " style=", " onclick=", "{{", "zimage.example"] {
                #expect(!page.contains(word), "\(word)")
            }
            let anchors = page.matches(of: /\sid="([^"]+)"/).map(\.output.1)
            for match in page.matches(of: /href="#([^"]+)"/) { #expect(anchors.contains(match.output.1), "#\(match.output.1)") }
            #expect(Set(anchors).count == anchors.count, "no two places have one name")
        }
    }
}

extension APIFixture {
    /// The words of an enumeration of the database.
    fileprivate func words(of type: String) async throws -> Set<String> {
        Set(try await database.rows("select unnest(enum_range(null::\(type)))::text").compactMap { $0[0] })
    }
}
