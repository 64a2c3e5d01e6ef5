import Domain

/// This API in the words of OpenAPI 3.1: `openapi.json`, which is part of the program.
struct OpenAPIDocument: Sendable {
    /// Stands in the file for the address of the service.
    static let placeholder = "https://zimage.example"

    /// The file with the service's own address in it.
    let text: String
    /// The same, read.
    let root: JSON

    /// - Parameter publicURL: where customers reach the service, without a slash at the end.
    init(publicURL: String) throws(JSONReader.Malformed) {
        let address = JSON.string(publicURL).text.dropFirst().dropLast()
        text = String(decoding: PackageResources.openapi_json, as: UTF8.self).replacing(Self.placeholder, with: address)
        root = try JSONReader.read(Array(text.utf8))
    }

    /// A value with what it refers to put in its place. Members beside the reference come before those of its target.
    func resolved(_ value: JSON) -> JSON {
        guard let path = value["$ref"]?.string else { return value }
        let target = path.dropFirst(2).split(separator: "/").reduce(root) { $0[String($1)] ?? .null }
        let own = value.members.filter { $0.name != "$ref" }
        let names = Set(own.map(\.name))
        return .object((own + resolved(target).members.filter { !names.contains($0.name) }).map { ($0.name, $0.value) })
    }
}
