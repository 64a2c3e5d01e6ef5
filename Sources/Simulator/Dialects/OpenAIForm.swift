import Domain

/// The body of a request for a picture: JSON, or for edits a form with the pictures in it.
struct OpenAIForm {
    let fields: Fields
    private(set) var image: [UInt8]?
    private(set) var mask: [UInt8]?

    init(_ call: Call, isEdit: Bool) throws(Refusal) {
        guard isEdit else {
            fields = try Fields(json: call.body)
            return
        }
        let contentType = call.headers["content-type"]
        guard MultipartForm.isMeant(by: contentType) else {
            throw Refusal(.invalid, "Content-Type must be multipart/form-data.")
        }
        let form: MultipartForm
        do { form = try MultipartForm(call.body, contentType: contentType ?? "") } catch {
            throw Refusal(.invalid, error.description)
        }
        var values: [String: Value] = [:]
        for part in form.parts {
            switch part.name {
            case "image", "image[]": image = Array(part.bytes)
            case "mask": mask = Array(part.bytes)
            default: values[part.name] = try Self.value(part)
            }
        }
        guard image != nil else { throw Refusal(.invalid, "image is required.", param: "image") }
        fields = Fields(values)
    }

    /// A form has texts alone; the fields that are numbers or switches are read as such.
    private static func value(_ part: MultipartForm.Part) throws(Refusal) -> Value {
        guard let text = String(validating: part.bytes, as: UTF8.self) else {
            throw Refusal(.invalid, "\(part.name) must be UTF-8 text.", param: part.name)
        }
        switch part.name {
        case "seed", "n", "num_inference_steps", "guidance_scale", "strength": return Value(Array(part.bytes)) ?? .string(text)
        case "stream": return Bool(text).map(Value.bool) ?? .string(text)
        default: return .string(text)
        }
    }

    /// The body as the book keeps it: pictures are their lengths.
    static func summary(_ call: Call) -> String {
        let contentType = call.headers["content-type"]
        guard MultipartForm.isMeant(by: contentType) else { return String(decoding: call.body.prefix(4096), as: UTF8.self) }
        guard let form = try? MultipartForm(call.body, contentType: contentType ?? "") else { return "" }
        let members = form.parts.map { part -> (String, JSON) in
            let isPicture = ["image", "image[]", "mask"].contains(part.name)
            return (part.name, .string(isPicture ? "\(part.bytes.count) bytes" : String(decoding: part.bytes, as: UTF8.self)))
        }
        return String(JSON.object(members).text.prefix(4096))
    }
}
