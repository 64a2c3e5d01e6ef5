import Foundation
import TestSupport
import Testing

extension LedgerSuites {
    /// The table of the rules tells the truth: what it names is there.
    @Suite struct RuleTableTests {
        private func rows() throws -> [[String]] {
            let text = try String(contentsOfFile: "\(RepositoryPaths.migrations)/README.md", encoding: .utf8)
            return text.split(separator: "\n").filter { $0.hasPrefix("| ") }.map { line in
                line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            }.filter { $0[0].first?.isNumber == true }
        }

        private func names(_ cell: String) -> [String] { cell.matches(of: /`([^`]+)`/).map { String($0.1) } }

        @Test func everyRuleHasALine() throws {
            let numbers = try rows().compactMap { Int($0[0].prefix { $0.isNumber }) }
            #expect(numbers == MoneyRule.allCases.map(\.rawValue))
        }

        @Test func whatKeepsARuleIsInTheDatabase() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let known = Set(
                try await database.rows(
                    """
                    select conname from pg_constraint union select indexname from pg_indexes
                    union select tgname from pg_trigger union select proname from pg_proc
                    union select name from pg_settings
                    union select format('%s.%s', c.relname, a.attname) from pg_attribute a join pg_class c on c.oid = a.attrelid
                    """
                ).compactMap { $0[0] })
            for row in try rows() {
                let keepers = names(row[1])
                #expect(!keepers.isEmpty, "\(row)")
                for name in keepers { #expect(known.contains(name), "\(name)") }
            }
        }

        @Test func whatTestsARuleIsATest() throws {
            let root = URL(fileURLWithPath: "\(RepositoryPaths.root)/Tests")
            let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
            let text = try files.filter { $0.pathExtension == "swift" }
                .map { try String(contentsOf: $0, encoding: .utf8) }.joined()
            for row in try rows() {
                let tests = names(row[2])
                #expect(!tests.isEmpty, "\(row)")
                for name in tests { #expect(text.contains("func \(name)("), "\(name)") }
            }
        }
    }
}
