// The portal's pages for people: the web app of web/, behind the same door as the API that it asks.
//
//   GET /            its one page; inside, for browsers without script, the engines as plain HTML
//   GET /style-….css, /main-….js, /icon.svg        its files
//
// Nothing is given to whoever is not signed in, not even the files. They bear the headers of pages::guarded.
#pragma once

#include <functional>
#include <string>

#include "appliance/pages/asset_routes.h"
#include "appliance/serving/serving_program.h"

namespace chancery::portal {

// `plain` makes the HTML for browsers without script.
void add_pages(serving::Program& program, const pages::Refusal& refusal, std::function<std::string()> plain);

}  // namespace chancery::portal
